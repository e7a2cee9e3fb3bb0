import { type Room, steepestStep } from '../../geometry/steepest-step.js'
import { range } from '../../sampling/rows.js'
import { greedySigns } from './greedy-signs.js'
import { type Columns, innerProduct, jacobianColumns } from './jacobian.js'
import type { RegressionAttackContext } from './regression-attack.js'

/** ‖Jη‖ is that of −η: which of both the model answers with the larger error is up to the model. */
export const sides = [1, -1] as const
export type Side = (typeof sides)[number]

/** Perturbations to start from, one per sample, for both signs. */
export type Starts = Readonly<Record<Side, readonly Float64Array[]>>

/** The steepest steps along a random direction and against it. */
export function randomStarts({ epsilons, random }: RegressionAttackContext, rooms: readonly Room[]): Starts {
  const directions = rooms.map(({ up }, sample) => Float64Array.from(up, random[sample].normal))
  const towards = (side: Side) =>
    directions.map((direction, sample) =>
      steepestStep(
        direction.map((step) => side * step),
        'l2',
        epsilons[sample],
        rooms[sample],
      ),
    )
  return { 1: towards(1), [-1]: towards(-1) } as Starts
}

/** What the columns of the Jacobian suggest: the largest one, or signs for all. Undefined when the budget ended it. */
export async function columnStarts(
  context: RegressionAttackContext,
  norm: 'l1' | 'linf',
  rooms: readonly Room[],
): Promise<Starts | undefined> {
  const starts: Record<Side, Float64Array[]> = { 1: [], [-1]: [] }
  for (const [sample, room] of rooms.entries()) {
    const columns = await jacobianColumns(context, sample)
    if (!columns) return undefined
    const epsilon = context.epsilons[sample]
    for (const side of sides) {
      starts[side].push(
        norm === 'l1' ? largestColumn(columns, epsilon, room, side) : allSigns(columns, epsilon, room, side),
      )
    }
    context.progress((0.5 * (sample + 1)) / rooms.length)
  }
  return starts
}

function allSigns(columns: Columns, epsilon: number, room: Room, side: Side): Float64Array {
  const { steps } = greedySigns(columns, range(columns.length), epsilon, room, side)
  return Float64Array.from(columns, (_, feature) => steps.get(feature)!)
}

function largestColumn(columns: Columns, epsilon: number, { up, down }: Room, side: Side): Float64Array {
  const reach = (feature: number) => Math.min(epsilon, (side > 0 ? up : down)[feature])
  const lengths = columns.map((column, feature) => innerProduct(column, column) * reach(feature) ** 2)
  const best = lengths.reduce((most, length, feature) => (length > lengths[most] ? feature : most), 0)
  const perturbation = new Float64Array(columns.length)
  perturbation[best] = side * reach(best)
  return perturbation
}
