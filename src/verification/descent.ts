import type { Budget } from '../budget.js'
import { floatTensor } from '../graph/builder.js'
import type { Tensor } from '../graph/graph.js'
import { largestBatch } from '../model/predict-classes.js'
import { largestRowGraph } from '../passes/largest-row-graph.js'
import type { RandomSource } from '../sampling/random.js'
import { batches, range, rowOf } from '../sampling/rows.js'
import { between } from './boxes.js'
import type { Inquiry, Part } from './inquiry.js'
import type { Row } from './question.js'

// Of which the first one is the middle of the box.
const starts = 20
const steps = 40
// Of the width of the box: from the first to the last step.
const [firstStep, lastStep] = [0.25, 0.005]
// A run of the graph holds all values of the model this often.
const copies = 2

/** A point on its way to an input that meets a case. */
interface Walk {
  readonly part: Part
  readonly rows: readonly Row[]
}

/**
 * Looks for counterexamples by projected descent on the largest row of each open case, in steps of the sign of its
 * gradient, from the middle of the box and from random points of it.
 */
export async function descend(
  inquiry: Inquiry,
  parts: readonly Part[],
  random: RandomSource,
  budget: Budget,
): Promise<void> {
  const { model, questions } = inquiry
  const walks = inquiry
    .unanswered(parts)
    .flatMap((part) => part.open.map((position): Walk => ({ part, rows: questions[part.question].cases[position] })))
  const most = Math.max(1, Math.floor(largestBatch(model, copies) / starts))
  for (const group of batches(range(walks.length), most)) {
    const together = group.map((walk) => walks[walk])
    const isOpen = inquiry.unanswered(together.map(({ part }) => part)).length > 0
    if (isOpen && !(await walk(inquiry, together, random, budget))) return
  }
}

/** Says whether the budget sufficed. */
async function walk(inquiry: Inquiry, walks: readonly Walk[], random: RandomSource, budget: Budget): Promise<boolean> {
  const { model } = inquiry
  const graph = await model.compile('largest row', () => largestRowGraph(model.graph))
  const all = range(starts).flatMap((start) => walks.map((walk) => ({ ...walk, start })))
  const size = walks[0].part.lower.length
  const points = new Float32Array(all.length * size)
  all.forEach(({ part: { lower, upper }, start }, index) => {
    const point = rowOf(points, size, index)
    lower.forEach((low, feature) => {
      point[feature] = between(low, upper[feature], start === 0 ? 0.5 : random.uniform())
    })
  })
  const rows = rowTensors(all)
  for (let step = 0; step < steps; step++) {
    if (!(await budget.next())) return false
    const feeds = { [model.graph.inputs[0].name]: floatTensor(points, [all.length, ...model.featureShape]), ...rows }
    const { values, gradient } = await graph.run(feeds)
    const width = values.shape[1]
    const met = range(all.length).filter((index) =>
      (values.data as Float32Array).subarray(index * width, (index + 1) * width).every((value) => value <= 0),
    )
    await inquiry.propose(
      met.map((index) => rowOf(points, size, index).slice()),
      met.map((index) => all[index].part.question),
    )
    if (inquiry.unanswered(walks.map(({ part }) => part)).length === 0) return true
    const length = firstStep + (lastStep - firstStep) * (step / (steps - 1))
    all.forEach(({ part: { lower, upper } }, index) => {
      const point = rowOf(points, size, index)
      const slope = rowOf(gradient.data as Float32Array, size, index)
      point.forEach((value, feature) => {
        const moved = value - Math.sign(slope[feature]) * length * (upper[feature] - lower[feature])
        point[feature] = Math.min(Math.max(moved, lower[feature]), upper[feature])
      })
    })
  }
  return true
}

/** Positions of the rows, as many for each walk: the first row comes again where there are fewer. */
function rowTensors(walks: readonly Walk[]): Record<'plus' | 'minus', Tensor> {
  const most = Math.max(...walks.map(({ rows }) => rows.length))
  const positions = (end: keyof Row): Tensor => ({
    type: 'int32',
    shape: [walks.length, most],
    data: Int32Array.from(walks.flatMap(({ rows }) => range(most).map((index) => (rows[index] ?? rows[0])[end]))),
  })
  return { plus: positions('plus'), minus: positions('minus') }
}
