import type { Budget } from '../budget.js'
import type { Tensor } from '../graph/graph.js'
import {
  dualNormsName,
  found,
  intervalGraph,
  looseName,
  lowerName,
  needsDualNorms,
  upperName,
} from '../passes/bound-graphs.js'
import { cropAround } from '../passes/crop.js'
import type { Balls } from './balls.js'
import { dualNormsOf } from './dual-norms.js'
import type { FloatArray } from './input-ball.js'
import { boundRows } from './relaxed-rows.js'
import { sidesOf } from './rows.js'
import { rowLimits } from './stage.js'

/** Where there are this many coefficients to carry, leaving out some rows is worth another run. */
const manyCoefficients = 2 ** 21

/**
 * Bounds those of the values that nothing is known of by intervals, and gives which elements of `selected` are worth bounding
 * more tightly.
 */
export async function takeIntervals(
  balls: Balls,
  of: readonly string[],
  selected?: string,
): Promise<Tensor | undefined> {
  const { model, settings, known } = balls
  const { graph } = model
  const values = of.filter((value) => !known.has(value))
  if (values.length === 0 && selected === undefined) return undefined
  for (const value of values.filter((value) => needsDualNorms(graph, value, settings))) {
    const norms = await dualNormsOf(model, value, settings.norm, settings.precision)
    balls.feed(dualNormsName(value), norms)
  }
  const stage = await balls.stage(`intervals ${values} loose ${selected}`, () =>
    intervalGraph(graph, values, selected, known, settings),
  )
  const results = await stage.run(balls.feeds)
  for (const value of values) {
    const [lower, upper] = [lowerName(value), upperName(value)].map((name) => results[found(name)])
    balls.know(value, { lower: lower.data as FloatArray, upper: upper.data as FloatArray }, lower.shape)
  }
  return selected === undefined ? undefined : results[looseName(selected)]
}

/** Bounds elements from both sides, as far as both matter. */
export async function tightenElements(
  balls: Balls,
  value: string,
  elements: Int32Array,
  iterations: number,
  budget: Budget,
): Promise<void> {
  const tighten = (below: Int32Array, above: Int32Array) => tightenSides(balls, value, below, above, iterations, budget)
  if (2 * elements.length * widest(value, balls) < manyCoefficients) {
    await tighten(elements, elements)
    return
  }
  // Often the bound of one side, the likelier one, shows that a unit is on or off, and the other one does not matter.
  const { lower, upper } = balls.boundsOf(value)
  const likelyOn = elements.filter((index) => lower[index] + upper[index] > 0)
  const likelyOff = elements.filter((index) => !(lower[index] + upper[index] > 0))
  await tighten(likelyOn, likelyOff)
  const loose = await takeIntervals(balls, [], value)
  const stillLoose = (these: Int32Array) => these.filter((index) => loose!.data[index])
  await tighten(stillLoose(likelyOff), stillLoose(likelyOn))
}

/** Most elements of a value that linear functions of `target` travel through. */
function widest(target: string, { model: { graph } }: Balls): number {
  return rowLimits(cropAround(graph, target)?.graph ?? graph).widest
}

/** Bounds elements, counted over all samples, from below and others from above. */
async function tightenSides(
  balls: Balls,
  value: string,
  below: Int32Array,
  above: Int32Array,
  iterations: number,
  budget: Budget,
): Promise<void> {
  const known = balls.boundsOf(value)
  const [lower, upper] = [known.lower.slice(), known.upper.slice()]
  const rows = sidesOf(below, above, lower.length / balls.count)
  const task = { frontier: 'input', steps: iterations, givesFunctions: false } as const
  const { bounds } = await boundRows(balls, value, rows, task, budget)
  // A bound that is NaN is not larger, so that the interval stays.
  for (let row = 0; row < below.length; row++) {
    if (bounds[row] > lower[below[row]]) lower[below[row]] = bounds[row]
  }
  for (let place = 0; place < above.length; place++) {
    const bound = -bounds[below.length + place]
    if (bound < upper[above[place]]) upper[above[place]] = bound
  }
  if (balls.settings.rounding === 'ignored') orderEnds(lower, upper)
  balls.know(value, { lower, upper }, balls.feeds[lowerName(value)].shape)
}

/** Where rounding is ignored, the two bounds of an element may pass each other. */
function orderEnds(lower: FloatArray, upper: FloatArray): void {
  for (let index = 0; index < lower.length; index++) {
    if (lower[index] > upper[index]) [lower[index], upper[index]] = [upper[index], lower[index]]
  }
}
