import type { Budget } from '../budget.js'
import type { Results } from '../engine/engine.js'
import type { Tensor } from '../graph/graph.js'
import { boundChain, type IntervalLink, inputOfLink, type Link, type RelaxationLink } from '../passes/bound-chain.js'
import { cropAround } from '../passes/crop.js'
import type { Balls } from './balls.js'
import { groupRows } from './row-groups.js'
import { croppedRows, type Rows } from './rows.js'
import { rowLimits } from './stage.js'

/** Bounds of values by intervals, and what to do with them. */
export interface IntervalTask {
  readonly link: IntervalLink
  take(results: Results): void
}

/** Rows of a value that are to be bounded from below, and what to do with the bounds. */
export interface RowTask {
  readonly link: RelaxationLink
  readonly rows: Rows
  /** What its graph takes besides the rows, given which of them are in the places of a run; −1 is none. */
  feeds?(rowAt: Int32Array): Readonly<Record<string, Tensor>>
  take(results: Results, rowAt: Int32Array): void
}

export type BoundTask = IntervalTask | RowTask

/** A part of a task, for a run of its graph. */
interface TaskRun {
  readonly link: Link
  readonly feeds: Readonly<Record<string, Tensor>>
  take(results: Results): void
}

/**
 * Does the tasks, each over the bounds that those before it found, as far as the budget goes: in one run if each has rows, and
 * they fit into one.
 */
export async function doTasks(balls: Balls, tasks: readonly BoundTask[], budget: Budget): Promise<void> {
  const { model, settings, isCut } = balls
  const needed = tasks.filter((task) => 'rows' in task || task.link.values.length > 0 || task.link.selected)
  const runs = needed.map((task) => ('rows' in task ? runsOf(task, balls) : [{ ...task, feeds: {} }]))
  // Where some have no rows, which tasks are left differs from time to time, and each choice would be a graph of its own.
  const isTogether = runs.every(({ length }) => length === 1)
  for (const parts of isTogether ? [runs.flat()] : runs.flat().map((run) => [run])) {
    if (parts.length === 0 || !(await budget.next())) return
    const links = parts.map(({ link }) => link)
    const { known } = balls
    const stage = await balls.stage(`${links.map(described).join(', then ')}${isCut ? ' cut' : ''}`, () =>
      boundChain(model.graph, links, known, settings, isCut),
    )
    const results = await stage.run(Object.assign({}, balls.feeds, ...parts.map(({ feeds }) => feeds)))
    for (const part of parts) part.take(results)
  }
}

function runsOf(task: RowTask, { model: { graph } }: Balls): TaskRun[] {
  const { link, rows } = task
  const { target, steps } = link
  const crop = cropAround(graph, target)
  const placed = crop ? croppedRows(rows, crop.positions) : rows
  return groupRows(placed, rowLimits(crop?.graph ?? graph, 1 + steps)).map(({ feeds, rowAt }) => {
    const own = Object.entries({ ...feeds, ...task.feeds?.(rowAt) })
    return {
      link,
      feeds: Object.fromEntries(own.map(([name, tensor]) => [inputOfLink(name, target), tensor])),
      take: (results) => task.take(results, rowAt),
    }
  })
}

function described(link: Link): string {
  if ('values' in link) return `intervals ${link.values} loose ${link.selected}`
  const { target, frontier, steps, gives } = link
  return `relaxation ${target} to ${frontier} in ${steps} steps giving ${gives}`
}
