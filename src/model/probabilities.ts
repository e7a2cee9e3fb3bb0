export const probabilityWarning =
  'The output looks like probabilities, not logits: gradients vanish where the model is confident, and attacks look weaker than they are. Export the model without its final activation.'

/** Whether every row of outputs [n, classes] sums to one, without negative numbers. */
export function areProbabilities(outputs: Float32Array, classes: number): boolean {
  for (let start = 0; start < outputs.length; start += classes) {
    const row = outputs.subarray(start, start + classes)
    const sum = row.reduce((total, value) => total + value, 0)
    if (Math.abs(sum - 1) > 1e-3 || row.some((value) => value < 0 || value > 1)) return false
  }
  return true
}
