import type { CompiledGraph } from '../../engine/compiled-graph.js'
import { isAccelerator } from '../../engine/device.js'
import type { Feeds } from '../../engine/engine.js'
import { floatTensor, intTensor } from '../../graph/builder.js'
import type { Classifier } from '../../model/classifier.js'
import { elementsAtOnce, elementsPerSample } from '../../model/predict-classes.js'
import { range, rowOf, takeRowsOfEach } from '../../sampling/rows.js'
import type { AttackCandidates, AttackContext } from '../attack.js'

export interface LoopRun {
  /** A compiled {@link loopGraph}. */
  readonly graph: CompiledGraph
  /** Positions of the batch among the samples of the attack. */
  readonly samples: readonly number[]
  /** All inputs but `trips`: asked for once, when nothing comes between them and the run. */
  feeds(): Feeds
  readonly steps: number
  /** How often a run of the graph holds all values of the model. */
  readonly copies: number
  report(fraction: number): void
}

export interface LoopOutcome {
  /** Whether the budget sufficed. */
  readonly finished: boolean
  /** Samples that were still in the loop at its end. */
  readonly samples: readonly number[]
  /** Their inputs for further iterations, one row per sample. */
  readonly feeds: Feeds
}

/** Candidates that a loop improves on, with everything counted. */
export type LoopCandidates = AttackCandidates & Required<Pick<AttackCandidates, 'forwardQueries' | 'vanishedGradients'>>

// After each period of so many steps it is asked whether samples repeat themselves.
const period = 10

/** No candidate but the samples themselves. */
export function unchanged({ inputs, labels }: AttackContext): LoopCandidates {
  return {
    adversarial: new Float32Array(inputs.data),
    steps: new Int32Array(labels.length),
    gradientQueries: new Int32Array(labels.length),
    forwardQueries: new Int32Array(labels.length),
    vanishedGradients: new Uint8Array(labels.length).fill(1),
    interrupted: false,
  }
}

/**
 * Runs the iterations of one batch, several per run of the graph, and writes into `candidates`. In between the event
 * loop is served. Where the graph stops at the first adversarial point, samples leave that are fooled or that repeat
 * themselves. Where it keeps the closest, all stay to the end, and a closer one replaces an earlier candidate.
 */
export async function runLoop(context: AttackContext, candidates: LoopCandidates, run: LoopRun): Promise<LoopOutcome> {
  const { model, budget } = context
  const size = model.domain.lower.length
  let inTime = await budget.next()
  let { samples } = run
  let feeds = run.feeds()
  const keepsClosest = 'start:best' in feeds
  let marked = feeds
  let done = 0
  while (done < run.steps && samples.length > 0) {
    if (done > 0) inTime = await budget.next()
    if (!inTime) return { finished: false, samples, feeds }
    const elements = elementsPerSample(model.graph) * run.copies * samples.length
    const most = run.graph.callsHost ? 1 : keepsClosest ? run.steps : period - (done % period)
    const trips = Math.min(stepsPerRun(model, elements, most), run.steps - done)
    const results = await run.graph.run({
      ...feeds,
      trips: intTensor([trips], []),
      ...(!keepsClosest && { patience: floatTensor(Float32Array.of(patience(model, elements, feeds)), []) }),
    })
    const { fooled, steps, slope, idle, bestDistance } = results
    const found = (keepsClosest ? results.best : results.point).data as Float32Array
    const taken = Array.from(steps.data, Number)
    const queries = taken.map((count, index) => count + Number(idle?.data[index] ?? 0))
    done += Math.max(...queries)
    samples.forEach((sample, index) => {
      if (!keepsClosest || Number(bestDistance.data[index]) < Number(feeds['start:bestDistance'].data[index])) {
        candidates.adversarial.set(rowOf(found, size, index), sample * size)
      }
      candidates.steps[sample] += taken[index]
      candidates.gradientQueries[sample] += queries[index]
      if (Number(slope.data[index]) !== 0) candidates.vanishedGradients[sample] = 0
    })
    const next = Object.fromEntries(
      Object.keys(feeds).map((name) => [name, name.startsWith('start:') ? results[name.slice(6)] : feeds[name]]),
    )
    const isMark = run.graph.callsHost || done % period === 0
    const goesOn = (index: number) => keepsClosest || !(fooled.data[index] || (isMark && repeats(marked, next, index)))
    const kept = range(samples.length).filter(goesOn)
    const keep = (of: Feeds) => (kept.length === samples.length ? of : takeRowsOfEach(of, kept))
    feeds = keep(next)
    marked = isMark ? feeds : keep(marked)
    samples = kept.map((index) => samples[index])
    run.report(done / run.steps)
  }
  return { finished: true, samples, feeds }
}

/** An iteration that starts where an earlier one did goes the same way again, and that way fooled nothing. */
function repeats(before: Feeds, after: Feeds, index: number): boolean {
  return Object.keys(before)
    .filter((name) => name.startsWith('start:'))
    .every((name) => {
      const [from, to] = [before[name].data, after[name].data]
      const size = from.length / before[name].shape[0]
      for (let at = index * size; at < (index + 1) * size; at++) if (from[at] !== to[at]) return false
      return true
    })
}

// These depend on sizes only, not on the clock, so that the same seed gives the same result.

function stepsPerRun(model: Classifier, elements: number, most: number): number {
  return Math.max(1, Math.min(most, Math.floor((elementsAtOnce(model) * speed(model)) / elements)))
}

/**
 * How many iterations fooled samples are taken along, on average over all samples: as many as cost what it costs to begin
 * a new run without them, so that this is never more than twice what it had to be.
 */
function patience(model: Classifier, elements: number, feeds: Feeds): number {
  const fed = Object.values(feeds).reduce((sum, { data }) => sum + data.length, 0)
  return Math.min(1, ((2 ** 16 + fed) * speed(model)) / elements)
}

/** What a run computes takes an accelerator little time, but the way there and back costs the same. */
function speed({ description }: Classifier): number {
  return isAccelerator(description.device) ? 16 : 1
}
