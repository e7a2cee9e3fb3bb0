import { distance, type Norm } from '../../geometry/norm.js'
import { rowOf } from '../../sampling/rows.js'
import type { AttackContext, ClassifiedInputs } from '../attack.js'

const mostOthers = 5

/**
 * Points at which a decision-based attack on one sample can start, whether or not they are adversarial: the two ends of
 * the domain, the closest sample of each of the five closest other classes (of the target class, if there is one), and
 * then without end uniform noise, random corners of the domain and blends with another sample.
 */
export function* startingPoints(
  context: AttackContext,
  others: ClassifiedInputs,
  sample: number,
  norm: Norm,
): Generator<Float32Array> {
  const { lower, upper } = context.model.domain
  yield upper
  yield lower
  yield* closestOthers(context, others, sample, norm)
  while (true) {
    yield uniformNoise(context, sample)
    yield corner(context, sample)
    yield blend(context, others, sample)
  }
}

function closestOthers(
  { inputs, labels, targets, model }: AttackContext,
  { inputs: others, classes }: ClassifiedInputs,
  sample: number,
  norm: Norm,
): Float32Array[] {
  const size = model.domain.lower.length
  const center = rowOf(inputs.data, size, sample)
  const closest = new Map<number, { point: Float32Array; length: number }>()
  classes.forEach((predicted, other) => {
    if (targets ? predicted !== targets[sample] : predicted === labels[sample]) return
    const point = rowOf(others.data, size, other)
    const length = distance(center, point)[norm]
    if (length < (closest.get(predicted)?.length ?? Number.POSITIVE_INFINITY)) closest.set(predicted, { point, length })
  })
  const ordered = [...closest.values()].sort((left, right) => left.length - right.length)
  return ordered.slice(0, mostOthers).map(({ point }) => point)
}

function uniformNoise({ model, random }: AttackContext, sample: number): Float32Array {
  const { lower, upper } = model.domain
  return lower.map((low, feature) => low + random[sample].uniform() * (upper[feature] - low))
}

/** With a random share of the features at their upper end. */
function corner({ model, random }: AttackContext, sample: number): Float32Array {
  const { lower, upper } = model.domain
  const { uniform } = random[sample]
  const share = uniform()
  return lower.map((low, feature) => (uniform() < share ? upper[feature] : low))
}

function blend({ inputs, model, random }: AttackContext, others: ClassifiedInputs, sample: number): Float32Array {
  const size = model.domain.lower.length
  const { uniform } = random[sample]
  const other = rowOf(others.inputs.data, size, Math.floor(uniform() * others.classes.length))
  const share = uniform()
  return rowOf(inputs.data, size, sample).map(
    (coordinate, feature) => coordinate + share * (other[feature] - coordinate),
  )
}
