import type { Float64Box } from '../../geometry/float64-box.js'
import { distance } from '../../geometry/norm.js'
import { clipToDomain } from '../../geometry/projection.js'
import { largestBatch } from '../../model/predict-classes.js'
import { batches, range, rowOf } from '../../sampling/rows.js'
import type { Attack, AttackCandidates, AttackContext } from '../attack.js'
import { moveToBoundary } from '../iteration/move-to-boundary.js'
import { type LoopCandidates, unchanged } from '../iteration/run-loop.js'
import { stillStanding } from '../iteration/still-standing.js'
import { runMethod } from '../run-method.js'

export interface Improvement {
  readonly norm: 'linf' | 'l2' | 'l1'
  /** Attacks, the closest of whose adversarial examples is improved. */
  readonly starts: readonly Attack[]
  /**
   * Gives shorter displacements, about on the decision boundary, for the samples of a batch; undefined for those where
   * it has none. `finished` is false when the budget ended first.
   */
  improve(
    state: ImprovementState,
    samples: readonly number[],
    report: (fraction: number) => void,
  ): Promise<{ displacements: readonly (Float64Array | undefined)[]; finished: boolean }>
}

export interface ImprovementState {
  readonly context: AttackContext
  readonly candidates: LoopCandidates
  /** Distances of the candidates; infinite where there is none. */
  readonly lengths: Float64Array
}

// Runs of a graph hold all values of the model this often.
const copies = 2
// Within 1e-7 of the boundary, which is what float32 inputs can tell apart.
const tolerance = 2 ** -24
// The model as deployed rounds differently from other graphs of it.
const pushes = [1e-5, 1e-4, 1e-3]

/** Runs the starts, improves on the closest adversarial example that they find for each sample, and moves it to the boundary. */
export async function improveStarts(
  context: AttackContext,
  { norm, starts, improve }: Improvement,
): Promise<AttackCandidates> {
  const { model, labels } = context
  const candidates = unchanged(context)
  const lengths = new Float64Array(labels.length).fill(Number.POSITIVE_INFINITY)
  const state: ImprovementState = { context, candidates, lengths }
  const stages = starts.length + 1
  for (const [index, start] of starts.entries()) {
    const progress = (fraction: number) => context.progress((index + fraction) / stages)
    const found = await runMethod(start, { ...context, progress })
    count(candidates, found)
    await adopt(state, norm, found.adversarial, range(labels.length))
    if (found.interrupted) return { ...candidates, interrupted: true }
  }
  const parts = batches(range(labels.length), largestBatch(model, copies))
  for (const [index, samples] of parts.entries()) {
    const report = (fraction: number) => context.progress((starts.length + (index + fraction) / parts.length) / stages)
    const { displacements, finished } = await improve(state, samples, report)
    const settled = await settle(state, norm, samples, displacements)
    if (!finished || !settled) return { ...candidates, interrupted: true }
  }
  return candidates
}

/** The candidate of a sample as a displacement, undefined where there is none. */
export function displacementOf(
  { context, candidates, lengths }: ImprovementState,
  sample: number,
): Float64Array | undefined {
  if (lengths[sample] === Number.POSITIVE_INFINITY) return undefined
  const size = context.model.domain.lower.length
  const [origin, point] = [context.inputs.data, candidates.adversarial].map((data) => rowOf(data, size, sample))
  return Float64Array.from(point, (coordinate, feature) => coordinate - origin[feature])
}

/** The displacements of a sample that stay in the domain. */
export function roomAround({ model, inputs }: AttackContext, sample: number): Float64Box {
  const { lower, upper } = model.domain
  const origin = rowOf(inputs.data, lower.length, sample)
  return {
    lower: Float64Array.from(lower, (low, feature) => low - origin[feature]),
    upper: Float64Array.from(upper, (high, feature) => high - origin[feature]),
  }
}

/** Adds up what the starts cost. A gradient that any of them saw has not vanished. */
function count(candidates: LoopCandidates, found: AttackCandidates): void {
  candidates.steps.forEach((_, sample) => {
    candidates.steps[sample] += found.steps[sample]
    candidates.gradientQueries[sample] += found.gradientQueries[sample]
    candidates.forwardQueries[sample] += found.forwardQueries?.[sample] ?? 0
    if (found.gradientQueries[sample] > 0 && !found.vanishedGradients?.[sample])
      candidates.vanishedGradients[sample] = 0
  })
}

/** Makes candidates of the points of those samples that are fooled and closer than before. */
async function adopt(
  { context, candidates, lengths }: ImprovementState,
  norm: Improvement['norm'],
  points: Float32Array,
  samples: readonly number[],
): Promise<void> {
  const { model, inputs } = context
  const size = model.domain.lower.length
  const standing = new Set(await stillStanding(context, points, samples, candidates.forwardQueries))
  for (const sample of samples) {
    const [origin, point] = [inputs.data, points].map((data) => rowOf(data, size, sample))
    const length = distance(origin, point)[norm]
    if (standing.has(sample) || length >= lengths[sample]) continue
    lengths[sample] = length
    candidates.adversarial.set(point, sample * size)
  }
}

/** Moves displaced samples to the boundary of the model as deployed, and keeps what is closer than the candidates. */
async function settle(
  state: ImprovementState,
  norm: Improvement['norm'],
  samples: readonly number[],
  displacements: readonly (Float64Array | undefined)[],
): Promise<boolean> {
  const { context, candidates } = state
  const { model, inputs } = context
  const size = model.domain.lower.length
  const points = inputs.data.slice()
  const known = new Map(samples.map((sample, index) => [sample, displacements[index]]))
  const moved = samples.filter((sample) => known.get(sample))
  let standing: readonly number[] = moved
  for (const push of pushes) {
    standing.forEach((sample) => {
      const [origin, point] = [inputs.data, points].map((data) => rowOf(data, size, sample))
      known.get(sample)!.forEach((step, feature) => {
        point[feature] = origin[feature] + (1 + push) * step
      })
      clipToDomain(point, model.domain)
    })
    standing = await stillStanding(context, points, standing, candidates.forwardQueries)
  }
  const left = new Set(standing)
  const fooled = moved.filter((sample) => !left.has(sample))
  const settled = await moveToBoundary(context, points, fooled, tolerance, candidates.forwardQueries)
  await adopt(state, norm, points, fooled)
  return settled
}
