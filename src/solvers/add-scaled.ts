/** Adds factor · vector to a sum, in place. */
export function addScaled(sum: Float64Array, vector: Float64Array, factor: number): void {
  for (let index = 0; index < sum.length; index++) sum[index] += factor * vector[index]
}
