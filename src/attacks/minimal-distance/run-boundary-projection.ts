import { distance } from '../../geometry/norm.js'
import { clipToDomain } from '../../geometry/projection.js'
import { floatTensor } from '../../graph/builder.js'
import { largestBatch, predictClasses } from '../../model/predict-classes.js'
import { classMarginGraph } from '../../passes/class-margin-graph.js'
import { batches, range, rowOf, takeSamples } from '../../sampling/rows.js'
import { runTogether } from '../../solvers/run-together.js'
import type { Attack, AttackCandidates, AttackContext } from '../attack.js'
import { moveToBoundary } from '../iteration/boundary-search.js'
import { checkGradients } from '../iteration/check-gradients.js'
import { type LoopCandidates, unchanged } from '../iteration/run-loop.js'
import { stillStanding } from '../iteration/still-standing.js'
import { type Incumbent, type LinearisedMargin, projectionSearch } from './projection-search.js'

export interface BoundaryProjectionRun {
  readonly norm: 'linf' | 'l2'
  readonly starts: readonly Attack[]
  readonly steps: number
}

interface Search extends BoundaryProjectionRun {
  readonly context: AttackContext
  readonly candidates: LoopCandidates
  /** Distances of the candidates; infinite where there is none. */
  readonly lengths: Float64Array
}

// Runs of the graph hold all values of the model this often.
const copies = 2
// Within 1e-7 of the boundary, which is what float32 inputs can tell apart.
const halvings = 24
// The model as deployed rounds differently from the graph of the margins.
const pushes = [1e-5, 1e-4, 1e-3]

/** Runs the starts and improves on the closest adversarial example that they find for each sample. */
export async function runBoundaryProjection(
  context: AttackContext,
  { norm, starts, steps }: BoundaryProjectionRun,
): Promise<AttackCandidates> {
  const { model, labels } = context
  const candidates = unchanged(context)
  const lengths = new Float64Array(labels.length).fill(Number.POSITIVE_INFINITY)
  const search: Search = { context, candidates, lengths, norm, starts, steps }
  const stages = starts.length + 1
  for (const [index, start] of starts.entries()) {
    const progress = (fraction: number) => context.progress((index + fraction) / stages)
    const found = await start.run({ ...context, progress })
    count(candidates, found)
    await adopt(search, found.adversarial, range(labels.length))
    if (found.interrupted) return { ...candidates, interrupted: true }
  }
  const fooled = range(labels.length).filter((sample) => lengths[sample] < Number.POSITIVE_INFINITY)
  const parts = batches(fooled, largestBatch(model.graph, copies))
  for (const [index, samples] of parts.entries()) {
    const report = (fraction: number) => context.progress((starts.length + (index + fraction) / parts.length) / stages)
    if (!(await improve(search, samples, report))) return { ...candidates, interrupted: true }
  }
  return candidates
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
  { context, candidates, lengths, norm }: Search,
  points: Float32Array,
  samples: readonly number[],
): Promise<void> {
  const { model, inputs } = context
  const size = model.domain.lower.length
  const standing = new Set(await stillStanding(context, points, samples))
  for (const sample of samples) {
    const [origin, point] = [inputs.data, points].map((data) => rowOf(data, size, sample))
    const length = distance(origin, point)[norm]
    if (standing.has(sample) || length >= lengths[sample]) continue
    lengths[sample] = length
    candidates.adversarial.set(point, sample * size)
  }
}

/** Improves the candidates of a batch, all of them adversarial. Says whether the budget sufficed. */
async function improve(
  search: Search,
  samples: readonly number[],
  report: (fraction: number) => void,
): Promise<boolean> {
  const { context, candidates, norm, steps, lengths } = search
  const { model, inputs } = context
  const { lower, upper } = model.domain
  const size = lower.length
  const incumbents = samples.map((sample): Incumbent => {
    const [origin, point] = [inputs.data, candidates.adversarial].map((data) => rowOf(data, size, sample))
    const displacement = Float64Array.from(point, (coordinate, feature) => coordinate - origin[feature])
    return { displacement, length: lengths[sample] }
  })
  const searches = samples.map((sample, row) => {
    const origin = rowOf(inputs.data, size, sample)
    const room = {
      lower: Float64Array.from(lower, (low, feature) => low - origin[feature]),
      upper: Float64Array.from(upper, (high, feature) => high - origin[feature]),
    }
    return projectionSearch(incumbents[row], { norm, steps, room })
  })
  const linearise = await margins(search, samples)
  let rounds = 0
  const results = await runTogether(searches, async (displacements, askers) => {
    if (!(await context.budget.next())) return undefined
    report(rounds++ / steps)
    return linearise(displacements, askers)
  })
  const settled = await settle(search, samples, incumbents)
  return settled && !results.includes(undefined)
}

/** Linearises the margins of some of the samples, against the class that their candidates are of, at displaced points. */
async function margins({ context, candidates }: Search, samples: readonly number[]) {
  const { model, inputs, labels, targets } = context
  const size = model.domain.lower.length
  const graph = await model.compile('class margin', () => classMarginGraph(model.graph))
  const wanted = await predictClasses(model, takeSamples({ ...inputs, data: candidates.adversarial }, samples))
  return async (displacements: readonly Float64Array[], rows: readonly number[]): Promise<LinearisedMargin[]> => {
    const points = takeSamples(
      inputs,
      rows.map((row) => samples[row]),
    )
    displacements.forEach((displacement, index) => {
      const point = rowOf(points.data, size, index)
      displacement.forEach((step, feature) => {
        point[feature] += step
      })
      clipToDomain(point, model.domain)
    })
    const classes = range(model.classes)
    const sets = (isMember: (label: number, row: number) => boolean) => ({
      type: 'bool' as const,
      shape: [rows.length, model.classes],
      data: Uint8Array.from(rows.flatMap((row) => classes.map((label) => Number(isMember(label, row))))),
    })
    const results = await graph.run({
      [model.graph.inputs[0].name]: floatTensor(points.data, points.shape),
      wanted: sets((label, row) => label === wanted[row]),
      unwanted: sets((label, row) => (targets ? label !== wanted[row] : label === labels[samples[row]])),
    })
    const gradients = results.gradient.data as Float32Array
    checkGradients(gradients)
    return rows.map((row, index) => {
      const gradient = rowOf(gradients, size, index)
      const sample = samples[row]
      candidates.steps[sample]++
      candidates.gradientQueries[sample]++
      if (gradient.some((derivative) => derivative !== 0)) candidates.vanishedGradients[sample] = 0
      return { margin: Number(results.margin.data[index]), gradient: gradient.slice() }
    })
  }
}

/** Moves the incumbents to the boundary of the model as deployed, and keeps what is closer than the candidates. */
async function settle(search: Search, samples: readonly number[], incumbents: readonly Incumbent[]): Promise<boolean> {
  const { context, candidates } = search
  const { model, inputs } = context
  const size = model.domain.lower.length
  const points = inputs.data.slice()
  let standing = samples
  for (const push of pushes) {
    standing.forEach((sample) => {
      const [origin, point] = [inputs.data, points].map((data) => rowOf(data, size, sample))
      const { displacement } = incumbents[samples.indexOf(sample)]
      displacement.forEach((step, feature) => {
        point[feature] = origin[feature] + (1 + push) * step
      })
      clipToDomain(point, model.domain)
      candidates.forwardQueries[sample]++
    })
    standing = await stillStanding(context, points, standing)
  }
  const left = new Set(standing)
  const fooled = samples.filter((sample) => !left.has(sample))
  const settled = await moveToBoundary(context, points, fooled, halvings, candidates.forwardQueries)
  await adopt(search, points, fooled)
  return settled
}
