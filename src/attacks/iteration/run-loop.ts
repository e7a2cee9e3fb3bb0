import type { CompiledGraph } from '../../engine/compiled-graph.js'
import { isAccelerator } from '../../engine/device.js'
import type { Feeds } from '../../engine/engine.js'
import { intTensor } from '../../graph/builder.js'
import { elementsAtOnce, elementsPerSample } from '../../model/predict-classes.js'
import { range, rowOf, takeRows } from '../../sampling/rows.js'
import type { AttackCandidates, AttackContext } from '../attack.js'

export interface LoopRun {
  /** A compiled {@link loopGraph}. */
  readonly graph: CompiledGraph
  /** Positions of the batch among the samples of the attack. */
  readonly samples: readonly number[]
  /** All inputs but `trips`. */
  readonly feeds: Feeds
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
export type LoopCandidates = Required<Omit<AttackCandidates, 'foundBy'>>

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
  const keepsClosest = 'start:best' in run.feeds
  let { samples, feeds } = run
  let done = 0
  while (done < run.steps && samples.length > 0) {
    if (!(await budget.next())) return { finished: false, samples, feeds }
    // Fooled samples leave at the end of a run: after 2, 6, 10, 20, 30, … steps, as most are fooled early.
    const elements = elementsPerSample(model.graph) * run.copies * samples.length
    const most = keepsClosest ? run.steps : Math.min(Math.max(2 * done, 2), 10 - (done % 10))
    const trips = Math.min(run.graph.callsHost ? 1 : stepsPerRun(model, elements, most), run.steps - done)
    const results = await run.graph.run({ ...feeds, trips: intTensor([trips], []) })
    done += trips
    const { fooled, steps, slope, bestDistance } = results
    const found = (keepsClosest ? results.best : results.point).data as Float32Array
    const taken = Array.from(steps.data, Number)
    // When all are fooled the loop ends with the iteration that finds it.
    const queries = !keepsClosest && fooled.data.every(Boolean) ? Math.max(...taken) + 1 : trips
    samples.forEach((sample, index) => {
      if (!keepsClosest || Number(bestDistance.data[index]) < Number(feeds['start:bestDistance'].data[index])) {
        candidates.adversarial.set(rowOf(found, size, index), sample * size)
      }
      candidates.steps[sample] += taken[index]
      candidates.gradientQueries[sample] += queries
      if (Number(slope.data[index]) !== 0) candidates.vanishedGradients[sample] = 0
    })
    const next = Object.fromEntries(
      Object.keys(feeds).map((name) => [name, name.startsWith('start:') ? results[name.slice(6)] : feeds[name]]),
    )
    const goesOn = (index: number) => keepsClosest || !(fooled.data[index] || repeats(feeds, next, index))
    const kept = range(samples.length).filter(goesOn)
    const leave = kept.length < samples.length
    samples = kept.map((index) => samples[index])
    feeds = leave
      ? Object.fromEntries(Object.entries(next).map(([name, tensor]) => [name, takeRows(tensor, kept)]))
      : next
    run.report(done / run.steps)
  }
  return { finished: true, samples, feeds }
}

/** An iteration that starts where an earlier one did goes the same way again, and that way fooled nothing. */
function repeats(before: Feeds, after: Feeds, index: number): boolean {
  return Object.keys(before)
    .filter((name) => name.startsWith('start:'))
    .every((name) => {
      const [from, to] = [before, after].map((feeds) => takeRows(feeds[name], [index]).data)
      return from.every((element, position) => element === to[position])
    })
}

// The number depends on sizes only, not on the clock, so that the same seed gives the same result.
function stepsPerRun(model: AttackContext['model'], elements: number, most: number): number {
  // What a run computes takes an accelerator little time, but the way there and back costs the same.
  const perRun = elementsAtOnce(model) * (isAccelerator(model.description.device) ? 16 : 1)
  return Math.max(1, Math.min(most, Math.floor(perRun / elements)))
}
