import type { PropertyEvidence, PropertyFinding } from '../../src/checks/evidence.js'
import { formatCount } from '../../src/format.js'

export function explainProperty({ model, property }: PropertyEvidence, finding: PropertyFinding): string[] {
  const { eligible, boxes, counterexample } = finding
  if (!counterexample) {
    return [
      `${model.name} satisfies ${property.name}: ${formatCount(eligible, 'unsafe case')}, excluded for all inputs (boxes bounded: ${boxes}).`,
      'Expected: an input that does.',
    ]
  }
  return [
    `${model.name} violates ${property.name}: a fresh run confirms an input that meets unsafe case ${counterexample.met + 1} of ${eligible}.`,
    `  input: ${printNumbers(counterexample.input)}`,
    `  output: ${printNumbers(counterexample.output)}`,
  ]
}

/** Exactly, so that they can be pasted; of many, only the first. */
function printNumbers(numbers: Float64Array): string {
  const most = 16
  const rest = numbers.length - most
  return `[${numbers.slice(0, most).join(', ')}${rest > 0 ? `, … ${rest} more` : ''}]`
}
