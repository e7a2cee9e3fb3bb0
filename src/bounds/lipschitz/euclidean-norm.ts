/** Of any number of values: Math.hypot takes them as arguments, of which there is a limit. */
export function euclideanNorm(values: ArrayLike<number | bigint>): number {
  let squares = 0
  for (let index = 0; index < values.length; index++) squares += Number(values[index]) ** 2
  return Math.sqrt(squares)
}
