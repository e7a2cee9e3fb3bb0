import type { CompiledGraph } from '../engine/compiled-graph.js'
import type { Feeds } from '../engine/engine.js'
import { intTensor } from '../graph/builder.js'
import { elementsPerSample } from '../model/predict-classes.js'
import { range, rowOf, takeRows } from '../sampling/rows.js'
import type { AttackCandidates, AttackContext } from './attack.js'

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

/** No candidate but the samples themselves. */
export function unchanged({ inputs, labels }: AttackContext): Required<AttackCandidates> {
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
 * loop is served, and samples leave that are fooled or that repeat themselves. Returns false when the budget ends first.
 */
export async function runLoop(context: AttackContext, candidates: Required<AttackCandidates>, run: LoopRun) {
  const { model, budget } = context
  const size = model.domain.lower.length
  let { samples, feeds } = run
  let done = 0
  while (done < run.steps && samples.length > 0) {
    if (!(await budget.next())) return false
    const elements = elementsPerSample(model.graph) * run.copies * samples.length
    const trips = Math.min(stepsPerRun(elements), run.steps - done)
    const results = await run.graph.run({ ...feeds, trips: intTensor([trips], []) })
    done += trips
    const { point, fooled, steps, slope } = results
    const taken = Array.from(steps.data, Number)
    // When all are fooled the loop ends with the iteration that finds it.
    const queries = fooled.data.every(Boolean) ? Math.max(...taken) + 1 : trips
    samples.forEach((sample, index) => {
      candidates.adversarial.set(rowOf(point.data as Float32Array, size, index), sample * size)
      candidates.steps[sample] += taken[index]
      candidates.gradientQueries[sample] += queries
      if (Number(slope.data[index]) !== 0) candidates.vanishedGradients[sample] = 0
    })
    const next = Object.fromEntries(
      Object.keys(feeds).map((name) => [name, name.startsWith('start:') ? results[name.slice(6)] : feeds[name]]),
    )
    const kept = range(samples.length).filter((index) => !fooled.data[index] && !repeats(feeds, next, size, index))
    samples = kept.map((index) => samples[index])
    feeds = Object.fromEntries(Object.entries(next).map(([name, tensor]) => [name, takeRows(tensor, kept)]))
    run.report(done / run.steps)
  }
  return true
}

/** An iteration that starts where an earlier one did goes the same way again, and that way fooled nothing. */
function repeats(before: Feeds, after: Feeds, size: number, index: number): boolean {
  return Object.keys(before)
    .filter((name) => name.startsWith('start:'))
    .every((name) => {
      const [from, to] = [before, after].map((feeds) => rowOf(feeds[name].data as Float32Array, size, index))
      return from.every((coordinate, feature) => coordinate === to[feature])
    })
}

// The number depends on sizes only, not on the clock, so that the same seed gives the same result.
function stepsPerRun(elements: number): number {
  return Math.max(1, Math.min(10, Math.floor(2 ** 26 / elements)))
}
