import type { Budget } from '../budget.js'
import { elementCount } from '../graph/graph.js'
import type { RelaxationLink } from '../passes/bound-chain.js'
import { looseName } from '../passes/bound-graphs.js'
import { lineFunctionNames, lineFunctionsGraph } from '../passes/relaxation-graph.js'
import { rowFunctionsGraph } from '../passes/row-functions.js'
import type { Balls } from './balls.js'
import type { RowTask } from './bound-tasks.js'
import { type FloatArray, floatArray } from './input-ball.js'
import { BestRows, type LinearFunctions } from './row-bounds.js'
import { groupRows } from './row-groups.js'
import { type Rows, rowFeeds } from './rows.js'
import { rowLimits, rowsPerRun } from './stage.js'

/** Functions of the rows, and all that {@link rowFunctionsGraph} returned besides, under its names. */
export interface ExplainedRows {
  readonly functions: LinearFunctions
  readonly details: ReadonlyMap<string, FloatArray>
}

/** Bounding linear functions of the logits from below; the best bounds so far go into `best`. */
export function boundingLogits(
  balls: Balls,
  rows: Rows,
  relaxation: Omit<RelaxationLink, 'target'>,
  best: BestRows,
): RowTask {
  return {
    link: { ...relaxation, target: balls.model.graph.outputs[0].name },
    rows,
    take(results, rowAt) {
      best.take(results, rowAt)
      for (const value of balls.known) {
        const loose = results[looseName(value)]
        if (loose) balls.feed(looseName(value), loose)
      }
    },
  }
}

/**
 * Several linear functions of the input per row that the row is nowhere below: with CROWN's lower lines, and with the
 * flattest and the steepest of all nodes that have a choice. Fewer where there is none, or the budget ends.
 */
export async function functionsOfLogits(balls: Balls, rows: Rows, budget: Budget): Promise<LinearFunctions[]> {
  const { model, settings, known, isCut } = balls
  const { graph } = model
  const stage = await balls.stage(`functions of logits${isCut ? ' cut' : ''}`, () =>
    lineFunctionsGraph(graph, known, settings, isCut),
  )
  const found = lineFunctionNames.map(() => new BestRows(rows.sample.length, settings.precision))
  for (const { feeds: rowFeeds, rowAt } of groupRows(rows, rowLimits(graph))) {
    if (!(await budget.next())) break
    const results = await stage.run({ ...balls.feeds, ...rowFeeds })
    for (const [index, { bound, coefficients, constant }] of lineFunctionNames.entries()) {
      if (!results[bound]) break
      const [own, slopes, constants] = [bound, coefficients, constant].map((name) => results[name])
      found[index].take({ bound: own, coefficients: slopes, constant: constants }, rowAt)
    }
  }
  return found.flatMap(({ functions }) => functions ?? [])
}

/**
 * Functions that rows of a value are nowhere below and that are as large as they can be at the points, one per row;
 * undefined when the budget ended.
 */
export async function explainRows(
  balls: Balls,
  target: string,
  rows: Rows,
  points: FloatArray,
  budget: Budget,
): Promise<ExplainedRows | undefined> {
  const { model, settings, known } = balls
  const { graph, featureShape: features } = model
  const stage = await balls.stage(`functions ${target}`, () => rowFunctionsGraph(graph, target, known, settings))
  const size = elementCount(features)
  const found = new Map<string, FloatArray>()
  const total = rows.sample.length
  const most = rowsPerRun(graph)
  for (let start = 0; start < total; start += most) {
    if (!(await budget.next())) return undefined
    const count = Math.min(most, total - start)
    const here = balls.tensor(points.slice(start * size, (start + count) * size), [count, ...features])
    const feeds = { ...balls.feeds, ...rowFeeds(rows, start, most), [graph.inputs[0].name]: here }
    for (const [name, { data }] of Object.entries(await stage.run(feeds))) {
      const width = data.length / count
      const all = found.get(name) ?? floatArray(settings.precision, total * width)
      all.set(data as FloatArray, start * width)
      found.set(name, all)
    }
  }
  return {
    functions: { coefficients: found.get('coefficients')!, constants: found.get('constant')! },
    details: found,
  }
}
