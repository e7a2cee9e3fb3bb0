/** 0 in the column of the label, −∞ elsewhere. */
export function unknownMargins(labels: Int32Array, classes: number): Float64Array {
  const margins = new Float64Array(labels.length * classes).fill(Number.NEGATIVE_INFINITY)
  labels.forEach((label, sample) => {
    margins[sample * classes + label] = 0
  })
  return margins
}
