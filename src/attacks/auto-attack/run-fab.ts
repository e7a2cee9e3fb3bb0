import type { CompiledGraph } from '../../engine/compiled-graph.js'
import type { Feeds } from '../../engine/engine.js'
import { diameter } from '../../geometry/diameter.js'
import { distance } from '../../geometry/norm.js'
import { clipToDomain } from '../../geometry/projection.js'
import { perturbationOnSphere } from '../../geometry/random-perturbation.js'
import { floatTensor, intTensor } from '../../graph/builder.js'
import { largestBatch } from '../../model/predict-classes.js'
import { nearestMarginGraph } from '../../passes/nearest-margin-graph.js'
import { batches, range, rowOf, takeSamples } from '../../sampling/rows.js'
import type { AttackCandidates, AttackContext } from '../attack.js'
import { checkGradients } from '../iteration/check-gradients.js'
import { moveToBoundary } from '../iteration/move-to-boundary.js'
import type { LoopCandidates } from '../iteration/run-loop.js'
import { stillStanding } from '../iteration/still-standing.js'
import { type FabStepSettings, fabStep } from './fab-step.js'

export interface FabRun extends FabStepSettings {
  readonly steps: number
  readonly beta: number
  readonly restarts: number
}

/** Boundaries to look at: for each rank the class of every sample. */
export type RivalClasses = readonly Int32Array[]

interface Search {
  readonly context: AttackContext
  readonly settings: FabRun
  readonly graph: CompiledGraph
  readonly candidates: LoopCandidates
  /** Distances of the candidates; infinite where there is none. */
  readonly distances: Float64Array
}

/** What one run has found. */
interface Run {
  readonly samples: readonly number[]
  /** The classes of the samples and their rivals, as the graph takes them. */
  readonly classes: Feeds
  readonly points: Float32Array
  readonly closest: Float32Array
  /** Infinite where no adversarial point was met. */
  readonly distances: Float64Array
}

// Within 0.03 % of the boundary.
const tolerance = 2 ** -12

/**
 * Runs FAB `restarts` times for each of the sets of rivals of the labels (of the targets, if there are any), and moves what
 * it finds to the boundary.
 */
export async function runFab(
  context: AttackContext,
  candidates: LoopCandidates,
  settings: FabRun,
  directions: readonly RivalClasses[],
): Promise<AttackCandidates> {
  const { model, labels, targets, epsilons } = context
  const { norm } = settings
  const ahead = targets !== undefined
  const graph = await model.compile(`nearest margin ${norm} ${ahead ? 'ahead' : 'around'}`, () =>
    nearestMarginGraph(model.graph, norm, ahead),
  )
  const distances = new Float64Array(labels.length).fill(Number.POSITIVE_INFINITY)
  const search: Search = { context, settings, graph, candidates, distances }
  const runs = directions.flatMap((rivals) => range(settings.restarts).map((restart) => ({ rivals, restart })))
  for (const [index, { rivals, restart }] of runs.entries()) {
    const wanted = range(labels.length).filter((sample) => !(distances[sample] <= (epsilons?.[sample] ?? 0)))
    const parts = batches(wanted, largestBatch(model, 2 * rivals.length + 1))
    for (const [part, samples] of parts.entries()) {
      const report = (fraction: number) => context.progress((index + (part + fraction) / parts.length) / runs.length)
      if (!(await runOnce(search, samples, rivals, restart > 0, report))) return { ...candidates, interrupted: true }
    }
  }
  return candidates
}

/** Runs the given samples from one start and keeps what is closer than before. Says whether the budget sufficed. */
async function runOnce(
  search: Search,
  samples: readonly number[],
  rivals: RivalClasses,
  atRandom: boolean,
  report: (fraction: number) => void,
): Promise<boolean> {
  const { context, settings, candidates } = search
  const { model, inputs, labels, targets } = context
  const size = model.domain.lower.length
  const points = inputs.data.slice()
  if (atRandom) for (const sample of samples) perturbAtRandom(search, points, sample)
  const distances = search.distances.slice().fill(Number.POSITIVE_INFINITY)
  const classes = {
    labels: intTensor(samples.map((sample) => (targets ?? labels)[sample])),
    rivals: intTensor(
      samples.flatMap((sample) => rivals.map((ofRank) => ofRank[sample])),
      [samples.length, rivals.length],
    ),
  }
  const run: Run = { samples, classes, points, closest: inputs.data.slice(), distances }
  let finished = true
  for (let step = 0; step < settings.steps && finished; step++) {
    finished = await advance(search, run)
    report((step + 1) / settings.steps)
  }
  const found = samples.filter((sample) => distances[sample] < Number.POSITIVE_INFINITY)
  if (finished) finished = await moveToBoundary(context, run.closest, found, tolerance, candidates.forwardQueries)
  for (const sample of found) {
    const [origin, point] = [inputs.data, run.closest].map((data) => rowOf(data, size, sample))
    const length = distance(origin, point, settings.norm)[settings.norm]
    if (length >= search.distances[sample]) continue
    search.distances[sample] = length
    candidates.adversarial.set(point, sample * size)
  }
  return finished
}

/** Moves the point of a sample to a random place at half of the distance known so far. */
function perturbAtRandom({ context, settings, distances }: Search, points: Float32Array, sample: number): void {
  const { model, random } = context
  const point = rowOf(points, model.domain.lower.length, sample)
  const radius = Math.min(distances[sample], diameter(model.domain, settings.norm)) / 2
  const perturbation = perturbationOnSphere(settings.norm, radius, point.length, random[sample])
  for (let feature = 0; feature < point.length; feature++) point[feature] += perturbation[feature]
  clipToDomain(point, model.domain)
}

/** One step of all samples of a run. Says whether the budget sufficed. */
async function advance(
  { context, settings, graph, candidates }: Search,
  { samples, classes, points, closest, distances }: Run,
): Promise<boolean> {
  const { model, inputs, budget } = context
  const { norm, beta } = settings
  const size = model.domain.lower.length
  if (!(await budget.next())) return false
  const { data, shape } = takeSamples({ ...inputs, data: points }, samples)
  const results = await graph.run({
    [model.graph.inputs[0].name]: floatTensor(data, shape),
    ...classes,
  })
  const gradients = results.gradient.data as Float32Array
  checkGradients(gradients)
  samples.forEach((sample, index) => {
    const [origin, point] = [inputs.data, points].map((all) => rowOf(all, size, sample))
    const margin = Number(results.margin.data[index])
    fabStep(point, origin, { margin, gradient: rowOf(gradients, size, index) }, settings, model.domain)
    candidates.steps[sample]++
    candidates.gradientQueries[sample]++
    if (Number(results.slope.data[index]) !== 0) candidates.vanishedGradients[sample] = 0
  })
  const standing = new Set(await stillStanding(context, points, samples, candidates.forwardQueries))
  for (const sample of samples) {
    if (standing.has(sample)) continue
    const [origin, point] = [inputs.data, points].map((all) => rowOf(all, size, sample))
    const found = distance(origin, point, norm)[norm]
    if (found < distances[sample]) {
      distances[sample] = found
      closest.set(point, sample * size)
    }
    for (let feature = 0; feature < size; feature++) {
      point[feature] = origin[feature] + beta * (point[feature] - origin[feature])
    }
    clipToDomain(point, model.domain)
  }
  return true
}
