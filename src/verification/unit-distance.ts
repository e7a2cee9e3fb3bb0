import type { AttackContext } from '../attacks/attack.js'
import { linearRegion } from '../attacks/linear-region/linear-region.js'
import { fmn } from '../attacks/minimal-distance/fmn.js'
import { Refinement } from '../bounds/refinement.js'
import type { TypedGraph } from '../graph/graph.js'
import { batches, range, rowOf } from '../sampling/rows.js'
import { closestInPolyhedron } from '../solvers/closest-in-polyhedron.js'
import { type DistanceInterval, obstacles } from './distance-interval.js'
import { type NearestPoint, nearestByAttack, propose } from './nearest-point.js'
import {
  BoundedParts,
  type Cut,
  halvesOf,
  mostCostly,
  polyhedronOf,
  type RowView,
  type Split,
  settledOf,
  type Units,
  unitInputs,
  wholeAndSplit,
} from './unit-parts.js'

// Parts that are bounded together, as far as their values fit in, and of each sample.
const [mostParts, mostOfSample, mostNumbers] = [128, 16, 2 ** 17]
// How often a part is looked at, at the point that was nearest before, while that brings it farther by such a share.
const [mostLooks, leastGain] = [4, 1e-3]
// Models with no more units start from the attack that looks at all regions nearby.
const fewUnits = 1000

/** A part of the inputs around a sample, where some units are on and some off. */
interface Node {
  readonly rivals: readonly number[]
  readonly units?: Units
  /** No input of a rival's class is nearer. */
  readonly distance: number
  /** What was nearest in the part that holds this one. */
  readonly point: Float64Array
}

/** One rival in a part. */
interface Case {
  readonly owner: number
  readonly part: number
  readonly rival: number
  /** What is at most zero on the part, and there where the rival wins. */
  readonly ofSplits: ReadonlyMap<Split, Cut>
  readonly ofRival: readonly Cut[]
  readonly distance: number
  readonly point: Float64Array
  readonly view?: RowView
}

/** The search for the distance of one sample. */
class Search {
  readonly nearest: NearestPoint
  readonly label: number
  open: Node[]
  /** The least distance of parts without open units that led to no adversarial point. */
  aside = Number.POSITIVE_INFINITY
  parts = 0

  constructor(nearest: NearestPoint, label: number, classes: number) {
    this.nearest = nearest
    this.label = label
    const rivals = range(classes).filter((other) => other !== label)
    this.open = [{ rivals, distance: 0, point: nearest.sample }]
  }

  get isOpen(): boolean {
    return this.open.some(({ distance }) => this.#matters(distance))
  }

  get interval(): Omit<DistanceInterval, 'start' | 'gradientQueries'> {
    const { point, reach } = this.nearest
    const upper = point ? reach : Number.POSITIVE_INFINITY
    const lower = this.open.reduce((least, { distance }) => Math.min(least, distance), Math.min(this.aside, upper))
    const proved = !this.#matters(lower)
    const obstacle = proved || this.isOpen ? undefined : obstacles.rounding
    return { lower, upper, nearest: point, proved, obstacle, boxes: this.parts }
  }

  /** The parts that reach nearest; those that do not matter are dropped. */
  take(most: number): Node[] {
    const open = this.open.filter(({ distance }) => this.#matters(distance))
    open.sort((one, other) => one.distance - other.distance)
    this.open = open.slice(most)
    return open.slice(0, most)
  }

  /** The case with another cut, and the point that is nearest for all cuts; undefined where none of interest is left. */
  look(of: Case, view: RowView): Case | undefined {
    const ofRival = [...of.ofRival, view.cut]
    const { sample, room, limit } = this.nearest
    const within = polyhedronOf([...of.ofSplits.values(), ...ofRival], sample, room)
    if (!within) return undefined
    const { status, d, multipliers } = closestInPolyhedron('l2', within.polyhedron, limit)
    if (status === 'beyond') return undefined
    if (status === 'stalled') return { ...of, ofRival, view }
    const held = new Set(within.kept.filter((_, row) => multipliers[row] > 0))
    return {
      ...of,
      ofRival: ofRival.filter((cut) => held.has(cut)),
      view,
      distance: Math.max(of.distance, this.nearest.lengthOf(d)),
      point: this.nearest.at(d),
    }
  }

  /** Splits a part for the rival of a case. */
  branch({ distance, point, rival, ofSplits, ofRival, view }: Case, bounds: Units['bounds'], graph: TypedGraph): void {
    if (!this.#matters(distance)) return
    const next = mostCostly(bounds, view ? [view] : [])
    if (!next) {
      this.aside = Math.min(this.aside, distance)
      return
    }
    const settled = settledOf(graph, ofSplits)
    for (const units of halvesOf({ bounds, splits: [...ofSplits.keys()], ofRows: ofRival, settled }, next)) {
      this.open.push({ rivals: [rival], units, distance, point })
    }
  }

  #matters(distance: number): boolean {
    return distance < this.nearest.limit
  }
}

/**
 * Minimal distances in ℓ2 by branch and bound over units, in float64: linear relaxation on the part of the ball where some
 * units are on and others off gives half-spaces that hold all inputs of another class, and what is nearest in all of them is a
 * lower bound and a candidate. There the relaxation is made as close as it can be, and so on; then the unit whose
 * relaxation costs most is split. The part that reaches nearest comes first.
 */
export async function unitDistances(context: AttackContext): Promise<DistanceInterval[]> {
  const { model, labels, budget } = context
  const widths = [...unitInputs(model.graph).values()]
  const isSmall = widths.reduce((sum, width) => sum + width, 0) <= fewUnits
  const attack = isSmall ? linearRegion({ norm: 'l2' }) : fmn({ norm: 'l2' })
  const { nearest, starts } = await nearestByAttack(context, 'l2', attack)
  const searches = nearest.map((each, index) => new Search(each, labels[index], model.classes))

  const most = Math.max(
    1,
    Math.min(mostParts, Math.floor(mostNumbers / Math.max(model.domain.lower.length, ...widths))),
  )
  let open = range(searches.length).filter((sample) => searches[sample].isOpen)
  while (open.length > 0 && (await budget.next())) {
    const share = Math.max(1, Math.min(mostOfSample, Math.ceil(most / open.length)))
    const taken = open.flatMap((owner) => searches[owner].take(share).map((node) => ({ owner, node })))
    const groups = wholeAndSplit(taken, ({ node }) => node.units).flatMap((alike) => batches(alike, most))
    for (const group of groups) {
      if (!(await viewTogether(context, searches, group))) {
        for (const { owner, node } of group) searches[owner].open.push(node)
      }
    }
    open = open.filter((sample) => searches[sample].isOpen)
    context.progress(1 - open.length / searches.length)
  }
  return searches.map(({ interval }, sample) => ({ ...interval, ...starts[sample] }))
}

/** False when the budget ended first. */
async function viewTogether(
  { model, inputs, budget }: AttackContext,
  searches: readonly Search[],
  group: readonly { readonly owner: number; readonly node: Node }[],
): Promise<boolean> {
  const size = model.domain.lower.length
  const data = new Float32Array(group.length * size)
  group.forEach(({ owner }, index) => {
    data.set(rowOf(inputs.data, size, owner), index * size)
  })
  const settings = { norm: 'l2', domain: 'intersect', rounding: 'ignored', precision: 'float64' } as const
  const radii = group.map(({ owner }) => searches[owner].nearest.reach)
  const balls = { data, shape: [group.length, ...model.featureShape] }
  const parts = await BoundedParts.of(
    model.graph,
    Refinement.around(model, balls, radii, settings, budget),
    group.map(({ node }) => node.units),
    group.map(({ node }) => node.point),
  )
  if (!parts) return false
  let cases = group.flatMap(({ owner, node }, part): Case[] => {
    if (!parts.bounds[part]) return []
    const { rivals, units, distance, point } = node
    const ofSplits = parts.cuts[part]
    return rivals.map((rival) => ({ owner, part, rival, ofSplits, ofRival: units?.ofRows ?? [], distance, point }))
  })
  const closed: Case[] = []
  for (let look = 0; look < mostLooks && cases.length > 0; look++) {
    const questions = cases.map(({ owner, part, rival, point }) => {
      return { part, row: { plus: searches[owner].label, minus: rival }, point }
    })
    const views = await parts.look(questions)
    if (!views) return false
    const next: Case[] = []
    for (const [index, each] of cases.entries()) {
      const seen = searches[each.owner].look(each, views[index])
      if (!seen) continue
      const hasGained = seen.distance > each.distance * (1 + leastGain)
      if (hasGained) next.push(seen)
      else closed.push(seen)
    }
    const viewed = [...next, ...closed]
    await propose(
      model,
      viewed.map(({ point }) => point),
      viewed.map(({ owner }) => searches[owner].nearest),
    )
    cases = next
  }
  for (const { owner } of group) searches[owner].parts++
  for (const each of [...closed, ...cases]) searches[each.owner].branch(each, parts.bounds[each.part]!, model.graph)
  return true
}
