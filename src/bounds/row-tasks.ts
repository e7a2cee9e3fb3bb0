import type { Budget } from '../budget.js'
import type { Results } from '../engine/engine.js'
import type { Tensor } from '../graph/graph.js'
import { cropAround } from '../passes/crop.js'
import { inputOfLink, type RelaxationLink, relaxationChain } from '../passes/relaxation-chain.js'
import type { Balls } from './balls.js'
import { groupRows } from './row-groups.js'
import { croppedRows, type Rows } from './rows.js'
import { rowLimits } from './stage.js'

/** Rows of a value that are to be bounded from below, and what to do with the bounds. */
export interface RowTask {
  readonly link: RelaxationLink
  readonly rows: Rows
  /** What its graph takes besides the rows, given which of them are in the places of a run; −1 is none. */
  feeds?(rowAt: Int32Array): Readonly<Record<string, Tensor>>
  take(results: Results, rowAt: Int32Array): void
}

/**
 * Does the tasks, each over the bounds that those before it found, as far as the budget goes: in one run if the rows of each fit
 * into one.
 */
export async function doTasks(balls: Balls, tasks: readonly RowTask[], budget: Budget): Promise<void> {
  const { model, settings, known, isCut } = balls
  const { graph } = model
  const runs = tasks.map((task) => groupsOf(task, balls).map((group) => ({ task, ...group })))
  const together = runs.every(({ length }) => length <= 1) ? [runs.flat()] : runs.flat().map((run) => [run])
  for (const parts of together) {
    if (parts.length === 0 || !(await budget.next())) return
    const links = parts.map(({ task }) => task.link)
    const stage = await balls.stage(`relaxation ${links.map(described).join(', then ')}${isCut ? ' cut' : ''}`, () =>
      relaxationChain(graph, links, known, settings, isCut),
    )
    const results = await stage.run(Object.assign({}, balls.feeds, ...parts.map(({ feeds }) => feeds)))
    for (const { task, rowAt } of parts) task.take(results, rowAt)
  }
}

function groupsOf({ link: { target, steps }, rows, feeds: others }: RowTask, { model: { graph } }: Balls) {
  const crop = cropAround(graph, target)
  const placed = crop ? croppedRows(rows, crop.positions) : rows
  return groupRows(placed, rowLimits(crop?.graph ?? graph, 1 + steps)).map(({ feeds, rowAt }) => {
    const all = Object.entries({ ...feeds, ...others?.(rowAt) })
    return { rowAt, feeds: Object.fromEntries(all.map(([name, tensor]) => [inputOfLink(name, target), tensor])) }
  })
}

function described({ target, frontier, steps, givesFunctions }: RelaxationLink): string {
  return `${target} to ${frontier} in ${steps} steps${givesFunctions ? ' and functions' : ''}`
}
