import { SampleError } from '../errors.js'
import type { Domain } from '../geometry/domain.js'
import { elementCount } from '../graph/graph.js'
import { rowOf } from '../sampling/rows.js'
import type { Inputs } from '../sampling/samples.js'

export interface ExpectedInputs {
  readonly featureShape: readonly number[]
  readonly domain: Domain
}

/**
 * Refuses inputs that no verdict could rest on.
 * @throws SampleError for a wrong shape, numbers that are not finite, or values outside the domain.
 */
export function checkInputs(inputs: Inputs, expected: ExpectedInputs): void {
  if (inputs instanceof CheckedInputs && inputs.domain === expected.domain) return
  checkShape(inputs, expected)
  checkSamples(inputs, expected.domain)
}

/** Inputs in whose domain all numbers are known to be: {@link checkInputs} does not go through them again. */
export class CheckedInputs implements Inputs {
  readonly data: Float32Array
  readonly shape: readonly number[]
  readonly domain: Domain

  constructor({ data, shape }: Inputs, domain: Domain) {
    this.data = data
    this.shape = shape
    this.domain = domain
  }
}

/**
 * A view of the samples from `first` to before `end`, checked unless all of the inputs are.
 * @throws SampleError for numbers that are not finite, or values outside the domain.
 */
export function checkedPart(inputs: Inputs, first: number, end: number, domain: Domain): CheckedInputs {
  const { length: features } = domain.lower
  const [, ...featureShape] = inputs.shape
  const part = { data: inputs.data.subarray(first * features, end * features), shape: [end - first, ...featureShape] }
  if (!(inputs instanceof CheckedInputs && inputs.domain === domain)) checkSamples(part, domain, first)
  return new CheckedInputs(part, domain)
}

/** @throws SampleError for a wrong shape. */
export function checkShape({ data, shape }: Inputs, { featureShape }: Pick<ExpectedInputs, 'featureShape'>): void {
  if (!ArrayBuffer.isView(data) || !Array.isArray(shape)) {
    throw new SampleError('Inputs must be { data: Float32Array, shape: [n, ...features] }.')
  }
  if (shape.length !== featureShape.length + 1 || featureShape.some((size, axis) => size !== shape[axis + 1])) {
    throw new SampleError(
      `Inputs have shape [${shape.join(', ')}]; the model takes [n, ${featureShape.join(', ')}].${remedyFor(shape.slice(1), featureShape)}`,
    )
  }
  if (data.length !== elementCount(shape)) {
    throw new SampleError(
      `Inputs of shape [${shape.join(', ')}] need ${elementCount(shape)} numbers, but data has ${data.length}.`,
    )
  }
}

/** Images may have their channels last in place of first, or the other way around, and come as rows of numbers. */
function remedyFor(given: readonly number[], expected: readonly number[]): string {
  const [found, asked] = [given, expected].map((shape) => shape.filter((size) => size !== 1))
  const isFlat = found.length <= 1 || asked.length <= 1
  if (String(found) === String(asked) || (isFlat && elementCount(found) === elementCount(asked))) {
    return ` If the numbers are in this order, give them this shape (of loadSamples: { featureShape: [${expected.join(', ')}] }).`
  }
  const sorted = (shape: readonly number[]) => String(shape.toSorted((left, right) => left - right))
  return sorted(found) === sorted(asked) ? ' Transpose them: these are the same axes in another order.' : ''
}

/** @param first Number of the first sample, for the message. */
function checkSamples({ data, shape }: Inputs, { lower, upper }: Domain, first = 0): void {
  for (let row = 0; row < shape[0]; row++) {
    const values = rowOf(data, lower.length, row)
    for (let feature = 0; feature < values.length; feature++) {
      const value = values[feature]
      // The domain is finite, and NaN is in no interval.
      if (value >= lower[feature] && value <= upper[feature]) continue
      const where = `Sample ${first + row}, feature ${feature}`
      if (!Number.isFinite(value)) throw new SampleError(`${where} is ${value}; inputs must be finite.`)
      throw new SampleError(
        `${where} is ${value}, outside the domain [${lower[feature]}, ${upper[feature]}]. Give the domain in the units of the inputs, and normalisation as preprocessing.`,
      )
    }
  }
}

/** @throws SampleError when the labels do not fit the inputs or the classes. */
export function checkLabels(
  labels: ArrayLike<number>,
  count: number,
  { classes }: { readonly classes: number },
): Int32Array {
  if (labels.length !== count) throw new SampleError(`${labels.length} labels for ${count} inputs.`)
  return Int32Array.from(labels, (label, index) => {
    if (Number.isInteger(label) && label >= 0 && label < classes) return label
    // Callers without types may give the BigInt64Array of a tensor, or rows of a table.
    if (typeof label !== 'number') {
      throw new SampleError(
        `The label of sample ${index} is of type ${typeof label}, not a number: labels are class numbers, such as Int32Array.from(labels, Number) makes of others, or the positions of the ones in one-hot rows.`,
      )
    }
    throw new SampleError(
      `Label ${label} of sample ${index} is no class: classes are numbered from 0 to ${classes - 1}.`,
    )
  })
}
