import type { CompiledGraph } from '../../engine/compiled-graph.js'
import type { Feeds } from '../../engine/engine.js'
import type { AttackNorm } from '../../geometry/norm.js'
import { floatTensor, intTensor } from '../../graph/builder.js'
import type { Tensor } from '../../graph/graph.js'
import { largestBatch } from '../../model/predict-classes.js'
import { batches, range, takeRowsOfEach } from '../../sampling/rows.js'
import type { AttackCandidates, AttackContext } from '../attack.js'
import { type LoopCandidates, type LoopOutcome, type LoopRun, runLoop, unchanged } from '../iteration/run-loop.js'
import { ClosestPoints } from './closest-points.js'
import { nearestRivals } from './nearest-rivals.js'
import { closestFeeds, copies } from './run-closest.js'
import { adopt, settleAtBoundary } from './settle-at-boundary.js'

export interface ConstantSearch {
  readonly norm: AttackNorm
  /** How many constants are tried. */
  readonly binarySearchSteps: number
  /** Iterations for each of them. */
  readonly steps: number
  /** The first constant; undefined to have the graph estimate it. */
  readonly initialConstant: number | undefined
  /** Whether samples leave whose objective no longer falls. */
  readonly abortEarly: boolean
  readonly confidence: number
  /** What the loop carries at its start, besides `constant`, `iteration` and `objective`. */
  carried(origin: Tensor): Feeds
  /** A compiled loop that keeps the closest adversarial point and carries `constant`, `iteration` and `objective`. */
  graph(targeted: boolean): Promise<CompiledGraph>
}

/**
 * Runs a loop with several constants c, which weigh the penalty for not being fooled against the distance: ten times as
 * large until a sample is fooled, then bisection between the largest that failed and the smallest that fooled, each
 * sample by itself. The closest points of all runs are moved to the decision boundary. Samples aim at the class that is
 * nearest; finding it costs a gradient for each of the likeliest classes, at most a tenth of the steps.
 */
export async function searchConstants(context: AttackContext, search: ConstantSearch): Promise<AttackCandidates> {
  const { model, labels, targets } = context
  const { norm, binarySearchSteps, steps, initialConstant, confidence } = search
  const candidates = unchanged(context)
  const aims = targets
    ? { rivals: [targets], queries: 0 }
    : await nearestRivals(context, norm, 1, Math.floor(steps / 10), candidates.forwardQueries)
  const graph = await search.graph(targets !== undefined)
  candidates.gradientQueries.fill(aims.queries)
  const parts = batches(range(labels.length), largestBatch(model, copies))
  for (const [index, samples] of parts.entries()) {
    const closest = new ClosestPoints()
    const feeds = closestFeeds(context, samples, { iteration: 0, objective: Number.POSITIVE_INFINITY })
    Object.assign(feeds, search.carried(feeds.origin))
    if (!targets) Object.assign(feeds, { rivals: intTensor(samples.map((sample) => aims.rivals[0][sample])) })
    const brackets = new Map(samples.map((sample) => [sample, new Bracket(initialConstant ?? 0)]))
    let finished = true
    for (let round = 0; round < binarySearchSteps && finished; round++) {
      const constants = Float32Array.from(samples, (sample) => brackets.get(sample)!.constant)
      finished = await runUntilPlateau(context, candidates, search, {
        graph,
        samples,
        feeds: { ...feeds, 'start:constant': floatTensor(constants, [samples.length]) },
        report: (fraction) => context.progress((index + (round + fraction) / binarySearchSteps) / parts.length),
        leave(outcome) {
          closest.add(outcome)
          const [used, distances] = ['constant', 'bestDistance'].map((name) => outcome.feeds[`start:${name}`].data)
          outcome.samples.forEach((sample, row) => {
            brackets.get(sample)!.narrow(Number(used[row]), Number(distances[row]) < Number.POSITIVE_INFINITY)
          })
        },
      })
    }
    // At the boundary nothing leads by the confidence.
    if (confidence > 0) adopt(candidates, closest)
    else if (!(await settleAtBoundary(context, candidates, norm, closest))) finished = false
    if (!finished) return { ...candidates, interrupted: true }
  }
  return candidates
}

/** Where the constant of one sample is looked for. */
class Bracket {
  constant: number
  #lower = 0
  #upper = Number.POSITIVE_INFINITY

  constructor(constant: number) {
    this.constant = constant
  }

  narrow(used: number, fooled: boolean): void {
    if (fooled) this.#upper = Math.min(this.#upper, used)
    else this.#lower = Math.max(this.#lower, used)
    this.constant = this.#upper < Number.POSITIVE_INFINITY ? (this.#lower + this.#upper) / 2 : used * 10
  }
}

interface PlateauRun extends Omit<LoopRun, 'feeds' | 'steps' | 'copies'> {
  readonly feeds: Feeds
  /** Called with samples that are done. */
  leave(outcome: Pick<LoopOutcome, 'samples' | 'feeds'>): void
}

// After the first half of the iterations plateaus are looked for in each further tenth. Before, objectives rise and fall.
const settled = 0.5
const tenth = 0.1
// An objective that falls by less is a plateau.
const leastProgress = 1e-4

/** Runs the iterations for one constant per sample. Says whether the budget sufficed. */
async function runUntilPlateau(
  context: AttackContext,
  candidates: LoopCandidates,
  { steps, abortEarly }: ConstantSearch,
  { graph, samples, feeds, report, leave }: PlateauRun,
): Promise<boolean> {
  let open: Pick<LoopOutcome, 'samples' | 'feeds'> = { samples, feeds }
  let done = 0
  while (open.samples.length > 0) {
    const share = done === 0 ? settled : tenth
    const part = abortEarly ? Math.min(Math.ceil(share * steps), steps - done) : steps
    const outcome = await runLoop(context, candidates, {
      graph,
      samples: open.samples,
      feeds: () => open.feeds,
      steps: part,
      copies,
      report: (fraction) => report((done + fraction * part) / steps),
    })
    const [before, after] = [open, outcome].map((run) => run.feeds['start:objective'].data)
    const isEnd = done + part >= steps || !outcome.finished
    const goesOn = (row: number) =>
      !isEnd && (done === 0 || !(Number(after[row]) > (1 - leastProgress) * Number(before[row])))
    const take = (rows: readonly number[]) => ({
      samples: rows.map((row) => outcome.samples[row]),
      feeds: takeRowsOfEach(outcome.feeds, rows),
    })
    const rows = range(outcome.samples.length)
    leave(take(rows.filter((row) => !goesOn(row))))
    if (!outcome.finished) return false
    open = take(rows.filter(goesOn))
    done += part
  }
  return true
}
