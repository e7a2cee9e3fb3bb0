import type { Domain } from '../../geometry/domain.js'
import { type AttackNorm, distance } from '../../geometry/norm.js'
import { clipToDomain } from '../../geometry/projection.js'
import { predictClasses } from '../../model/predict-classes.js'
import { rowOf } from '../../sampling/rows.js'
import type { AttackCandidates, AttackContext } from '../attack.js'

/** The points `sample + t · direction`, t > 0, clipped to the domain. */
export interface Way {
  readonly sample: number
  /** Any length but zero. */
  readonly direction: Float32Array
}

// Steps are those of the feature that moves most, in parts of the widest feature. Between one and the next, √2 times as
// long, two crossings would not be seen.
const firstStep = 2 ** -12
const growth = Math.SQRT2
const lastStep = 2 ** 8
const precision = 1e-5
// A crossing closer than 2^−52 of the widest feature is as good as one at the sample.
const mostHalvings = 40

interface Search extends Way {
  /** Largest entry of the direction. */
  readonly speed: number
  /** Beyond this step the point no longer moves, or is too far to look at. */
  readonly reach: number
  /** Last step that failed. */
  near: number
  /** First step that succeeded. */
  far: number
}

/**
 * Looks on every way for the first adversarial point, by a scan in growing steps and bisection between the last step that
 * failed and the first that did not. All ways share their batches. Of each sample's ways the closest point in `norm`
 * becomes its candidate; the forward passes are counted.
 * @returns false when the budget ends first; the candidates are valid all the same.
 */
export async function searchAlong(
  context: AttackContext,
  ways: readonly Way[],
  norm: AttackNorm,
  { adversarial, forwardQueries }: Required<Pick<AttackCandidates, 'adversarial' | 'forwardQueries'>>,
): Promise<boolean> {
  const { model, inputs, labels, targets, budget } = context
  const { domain } = model
  const size = domain.lower.length
  const widest = domain.lower.reduce((most, low, feature) => Math.max(most, domain.upper[feature] - low), 0)
  const searches = ways.map((way): Search => {
    const speed = way.direction.reduce((most, entry) => Math.max(most, Math.abs(entry)), 0)
    const stop = timeToStop(domain, rowOf(inputs.data, size, way.sample), way.direction)
    const reach = Math.min(stop * speed, lastStep * widest)
    return { ...way, speed, reach, near: 0, far: Number.POSITIVE_INFINITY }
  })

  const pointAt = ({ sample, direction, speed }: Search, step: number, point: Float32Array) => {
    const origin = rowOf(inputs.data, size, sample)
    direction.forEach((entry, feature) => {
      point[feature] = origin[feature] + (step / speed) * entry
    })
    clipToDomain(point, domain)
  }
  const evaluate = async (open: readonly Search[], stepOf: (search: Search) => number) => {
    const data = new Float32Array(open.length * size)
    open.forEach((search, row) => {
      pointAt(search, stepOf(search), rowOf(data, size, row))
      forwardQueries[search.sample]++
    })
    const predictions = await predictClasses(model, { data, shape: [open.length, ...inputs.shape.slice(1)] })
    open.forEach((search, row) => {
      const { sample } = search
      const fooled = targets ? predictions[row] === targets[sample] : predictions[row] !== labels[sample]
      if (fooled) search.far = stepOf(search)
      else search.near = stepOf(search)
    })
  }

  let interrupted = false
  for (let step = firstStep * widest; !interrupted; step *= growth) {
    const open = searches.filter(({ near, far, reach }) => far === Number.POSITIVE_INFINITY && near < reach)
    if (open.length === 0) break
    if (await budget.next()) await evaluate(open, ({ reach }) => Math.min(step, reach))
    else interrupted = true
  }
  const found = searches.filter(({ far }) => far < Number.POSITIVE_INFINITY)
  for (let halving = 0; halving < mostHalvings && !interrupted; halving++) {
    const open = found.filter(({ near, far }) => far - near > precision * far)
    if (open.length === 0) break
    if (await budget.next()) await evaluate(open, ({ near, far }) => (near + far) / 2)
    else interrupted = true
  }

  const best = new Float64Array(labels.length).fill(Number.POSITIVE_INFINITY)
  const point = new Float32Array(size)
  for (const search of found) {
    pointAt(search, search.far, point)
    const reached = distance(rowOf(inputs.data, size, search.sample), point, norm)[norm]
    if (reached >= best[search.sample]) continue
    best[search.sample] = reached
    adversarial.set(point, search.sample * size)
  }
  return !interrupted
}

/** The t from which on every feature is at its bound. */
function timeToStop({ lower, upper }: Domain, origin: Float32Array, direction: Float32Array): number {
  return direction.reduce((most, entry, feature) => {
    if (entry === 0) return most
    return Math.max(most, ((entry > 0 ? upper[feature] : lower[feature]) - origin[feature]) / entry)
  }, 0)
}
