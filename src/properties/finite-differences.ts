/** Central differences of a function of an input, with this step. */
export function finiteDifferences(
  input: ArrayLike<number>,
  valueAt: (input: Float64Array) => number,
  step: number,
): Float64Array {
  const moved = Float64Array.from(input)
  return Float64Array.from(input, (coordinate, feature) => {
    moved[feature] = coordinate + step
    const above = valueAt(moved)
    moved[feature] = coordinate - step
    const below = valueAt(moved)
    moved[feature] = coordinate
    return (above - below) / (2 * step)
  })
}
