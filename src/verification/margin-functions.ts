import type { FloatArray } from '../bounds/input-ball.js'
import { Refinement } from '../bounds/refinement.js'
import type { LinearFunctions } from '../bounds/row-bounds.js'
import type { Budget } from '../budget.js'
import { floatTensor } from '../graph/builder.js'
import type { Classifier } from '../model/classifier.js'
import { forwardGraph } from '../passes/forward-graph.js'
import { range } from '../sampling/rows.js'
import type { DistanceNode, LinearFunction, MarginFunctions } from './distance-search.js'

const settings = { rounding: 'ignored', precision: 'float64' } as const

/**
 * Functions that the margins f_label − f_rival are between on their boxes, by CROWN in float64; undefined when the budget
 * ended.
 */
export async function marginFunctions(
  model: Classifier,
  nodes: readonly DistanceNode[],
  labels: readonly number[],
  budget: Budget,
): Promise<MarginFunctions[] | undefined> {
  const [lower, upper] = [nodes.map((node) => node.lower), nodes.map((node) => node.upper)].map(joined)
  const refinement = Refinement.over(model, { lower, upper }, budget, settings)
  await refinement.refine()
  const boxes = range(nodes.length)
  const rivals = nodes.map(({ rival }) => rival)
  // A margin is below minus what the opposite margin is above.
  const rows = {
    sample: Int32Array.of(...boxes, ...boxes),
    plus: Int32Array.of(...labels, ...rivals),
    minus: Int32Array.of(...rivals, ...labels),
  }
  const functions = await refinement.logitFunctions(rows)
  if (budget.exhausted || functions.length === 0) return undefined
  const size = model.domain.lower.length
  return boxes.map((box) => {
    const opposite = functionOf(functions[0], boxes.length + box, size)
    const above = { coefficients: opposite.coefficients.map((slope) => -slope), constant: -opposite.constant }
    return { below: functions.map((several) => functionOf(several, box, size)), above }
  })
}

/** Logits of each point, the model computed in float64. */
export async function logitsInFloat64(model: Classifier, points: readonly Float64Array[]): Promise<Float64Array[]> {
  if (points.length === 0) return []
  const graph = await model.compile('forward float64', () => forwardGraph(model.graph, 'float64'))
  const feeds = { [model.graph.inputs[0].name]: floatTensor(joined(points), [points.length, ...model.featureShape]) }
  const logits = (await graph.run(feeds)).logits.data as Float64Array
  return points.map((_, index) => logits.subarray(index * model.classes, (index + 1) * model.classes))
}

function joined(rows: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(rows.length * rows[0].length)
  rows.forEach((row, index) => {
    all.set(row, index * row.length)
  })
  return all
}

function functionOf({ coefficients, constants }: LinearFunctions, row: number, size: number): LinearFunction {
  const own = coefficients.subarray(row * size, (row + 1) * size) as FloatArray
  return { coefficients: Float64Array.from(own), constant: constants[row] }
}
