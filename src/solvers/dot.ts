/**
 * Σ left · right. Four sums side by side, as one would wait for the addition before: half the time for long vectors. Only
 * for one type of array: with more, compiled code is a third slower for all of them.
 */
export function dot(left: Float64Array, right: Float64Array): number {
  let [first, second, third, fourth] = [0, 0, 0, 0]
  const whole = left.length - (left.length % 4)
  for (let index = 0; index < whole; index += 4) {
    first += left[index] * right[index]
    second += left[index + 1] * right[index + 1]
    third += left[index + 2] * right[index + 2]
    fourth += left[index + 3] * right[index + 3]
  }
  for (let index = whole; index < left.length; index++) first += left[index] * right[index]
  return first + second + (third + fourth)
}
