import { checkCall, describe } from '../arguments.js'
import { SampleError, SettingsError } from '../errors.js'
import { range, takeSamples } from './rows.js'

/** A batch of model inputs: `shape` is [n, ...features], `data` row-major. */
export interface Inputs {
  readonly data: Float32Array
  readonly shape: readonly number[]
}

/** Inputs with the class each of them belongs to, or the output that would be right, when that is known. */
export interface Samples {
  readonly inputs: Inputs
  /** For classifiers. */
  readonly labels?: Int32Array
  /** For regressors: shaped like their outputs. */
  readonly targets?: Inputs
  /** Of samples that were taken from a larger set. */
  readonly partOf?: PartOfSet
}

/**
 * Where samples belong. What an attack finds on a sample depends on the seed, the set and the position in it, and not on which
 * other samples are attacked at the same time.
 */
export interface PartOfSet {
  readonly inputs: Inputs
  /** Position of each sample in the set. */
  readonly positions: readonly number[]
}

/**
 * Position of each sample in the set that it belongs to.
 * @throws SampleError when there are more or fewer positions than samples.
 */
export function positionsOf({ inputs, partOf }: Pick<Samples, 'inputs' | 'partOf'>): readonly number[] {
  const [count] = inputs.shape
  if (!partOf) return range(count)
  if (partOf.positions.length === count) return partOf.positions
  throw new SampleError(`partOf has ${partOf.positions.length} positions for ${count} samples.`)
}

/** The given samples, as a part of the set that they are taken from. */
export function takePart({ inputs, labels, targets, partOf }: Samples, samples: readonly number[]): Samples {
  const positions = positionsOf({ inputs, partOf })
  return {
    inputs: takeSamples(inputs, samples),
    ...(labels && { labels: Int32Array.from(samples, (sample) => labels[sample]) }),
    ...(targets && { targets: takeSamples(targets, samples) }),
    partOf: {
      inputs: partOf?.inputs ?? inputs,
      positions: samples.map((sample) => positions[sample]),
    },
  }
}

/** The first `count` samples: bounds cost far more per sample than attacks do. */
export function firstSamples(samples: Samples, count: number): Samples {
  checkCall("firstSamples(await loadSamples('samples.npz'), 10)", [samples, 'inputs'])
  if (!(Number.isInteger(count) && count >= 0)) {
    throw new SettingsError(`firstSamples: count must be a whole number of at least 0; it is ${describe(count)}.`)
  }
  const { inputs, labels, targets } = samples
  const taken = Math.min(count, inputs.shape[0])
  const first = ({ data, shape }: Inputs): Inputs => ({
    data: data.slice(0, (data.length / shape[0]) * taken),
    shape: [taken, ...shape.slice(1)],
  })
  return {
    inputs: first(inputs),
    ...(labels && { labels: labels.slice(0, taken) }),
    ...(targets && { targets: first(targets) }),
  }
}
