// Plain loops: methods of typed arrays with a callback take several times as long.

/** left + factor · right */
export function plus(left: ArrayLike<number>, right: ArrayLike<number>, factor = 1): Float64Array {
  const sum = new Float64Array(left.length)
  for (let index = 0; index < sum.length; index++) sum[index] = left[index] + factor * right[index]
  return sum
}

export function scaled(vector: ArrayLike<number>, factor: number): Float64Array {
  const product = new Float64Array(vector.length)
  for (let index = 0; index < product.length; index++) product[index] = factor * vector[index]
  return product
}

/** The origin displaced, as an input of the model. */
export function displaced(origin: Float32Array, displacement: ArrayLike<number>): Float32Array {
  const point = new Float32Array(origin.length)
  for (let index = 0; index < point.length; index++) point[index] = origin[index] + displacement[index]
  return point
}

/** Σ left · right, where `dot` is for double precision alone. */
export function dotOfSingle(left: Float32Array, right: Float32Array | Float64Array): number {
  let [even, odd] = [0, 0]
  const whole = left.length - (left.length % 2)
  for (let index = 0; index < whole; index += 2) {
    even += left[index] * right[index]
    odd += left[index + 1] * right[index + 1]
  }
  return whole < left.length ? even + odd + left[whole] * right[whole] : even + odd
}
