import type { Budget } from '../budget.js'
import type { Results } from '../engine/engine.js'
import { endOfRow } from '../passes/bound-chain.js'
import { dualNormsName, found, looseName, lowerName, needsDualNorms, upperName } from '../passes/bound-graphs.js'
import { cropAround } from '../passes/crop.js'
import type { Balls } from './balls.js'
import { type BoundTask, doTasks, type IntervalTask, type RowTask } from './bound-tasks.js'
import { dualNormsOf } from './dual-norms.js'
import type { FloatArray } from './input-ball.js'
import { sidesOf } from './rows.js'
import { rowLimits } from './stage.js'

/** Where there are this many coefficients to carry, leaving out some rows is worth another run. */
const manyCoefficients = 2 ** 21

/**
 * Bounding those of the values that nothing is known of by intervals. Which elements of `selected` are worth bounding more tightly
 * is then in the feeds.
 */
export async function boundingByIntervals(
  balls: Balls,
  of: readonly string[],
  selected?: string,
): Promise<IntervalTask> {
  const { model, settings, known } = balls
  const values = of.filter((value) => !known.has(value))
  for (const value of values.filter((value) => needsDualNorms(model.graph, value, settings))) {
    const norms = await dualNormsOf(model, value, settings.norm, settings.precision)
    balls.feed(dualNormsName(value), norms)
  }
  return {
    link: { values, selected },
    take(results) {
      for (const value of values) takeFound(value, results, balls)
      if (selected !== undefined) balls.feed(looseName(selected), results[looseName(selected)])
    },
  }
}

function takeFound(value: string, results: Results, balls: Balls): void {
  const [lower, upper] = [lowerName(value), upperName(value)].map((name) => results[found(name)])
  balls.know(value, { lower: lower.data as FloatArray, upper: upper.data as FloatArray }, lower.shape)
}

/**
 * Adds to what is left to do that elements of a value are bounded more tightly, from both sides as far as both matter. Where it pays
 * off to see what one side says, all but the last part is done here.
 */
export async function tightening(
  balls: Balls,
  value: string,
  elements: Int32Array,
  iterations: number,
  left: readonly BoundTask[],
  budget: Budget,
): Promise<BoundTask[]> {
  const task = (below: Int32Array, above: Int32Array) => tighteningSides(balls, value, below, above, iterations)
  if (2 * elements.length * widest(value, balls) < manyCoefficients) return [...left, task(elements, elements)]
  // Often the bound of one side, the likelier one, shows that a unit is on or off, and the other one does not matter.
  const { lower, upper } = balls.boundsOf(value)
  const likelyOn = elements.filter((index) => lower[index] + upper[index] > 0)
  const likelyOff = elements.filter((index) => !(lower[index] + upper[index] > 0))
  const first = [...left, task(likelyOn, likelyOff), await boundingByIntervals(balls, [], value)]
  await doTasks(balls, first, budget)
  if (budget.exhausted) return []
  const { data: loose } = balls.feeds[looseName(value)]
  const stillLoose = (these: Int32Array) => these.filter((index) => loose[index])
  return [task(stillLoose(likelyOff), stillLoose(likelyOn))]
}

/** Most elements of a value that linear functions of `target` travel through. */
function widest(target: string, { model: { graph } }: Balls): number {
  return rowLimits(cropAround(graph, target)?.graph ?? graph).widest
}

/** Bounding elements, counted over all samples, from below and others from above. */
function tighteningSides(balls: Balls, value: string, below: Int32Array, above: Int32Array, steps: number): RowTask {
  const { length } = balls.boundsOf(value).lower
  return {
    link: { target: value, frontier: 'input', steps, gives: 'bounds' },
    rows: sidesOf(below, above, length / balls.count),
    feeds(rowAt) {
      const ends = new Int32Array(rowAt.length)
      for (let place = 0; place < ends.length; place++) {
        const row = rowAt[place]
        if (row < 0) ends[place] = 2 * length
        else ends[place] = row < below.length ? below[row] : length + above[row - below.length]
      }
      return { [endOfRow]: { type: 'int32', shape: [ends.length], data: ends } }
    },
    take: (results) => takeFound(value, results, balls),
  }
}
