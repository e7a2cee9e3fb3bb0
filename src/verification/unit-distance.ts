import type { AttackContext } from '../attacks/attack.js'
import { linearRegion } from '../attacks/linear-region/linear-region.js'
import { fmn } from '../attacks/minimal-distance/fmn.js'
import { Refinement } from '../bounds/refinement.js'
import { distance, type Norm } from '../geometry/norm.js'
import type { TypedGraph } from '../graph/graph.js'
import { batches, range, rowOf } from '../sampling/rows.js'
import { closestInPolyhedron } from '../solvers/closest-in-polyhedron.js'
import type { DistanceInterval } from './exact-distance.js'
import { logitsInFloat64 } from './margin-functions.js'
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
} from './unit-parts.js'

// How much nearer than the nearest known point a part must reach to matter, as a share of the distance.
const tolerance = 1e-6
// What is nearest may be on the boundary: how far beyond to look, as shares of the distance.
const beyond = [0, 1e-10, 1e-8, 5e-7, 1e-5]
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
  nearest: Float64Array | undefined
  /** Distance of the nearest adversarial point, or more than any in the domain. */
  reach: number
  open: Node[]
  /** The least distance of parts without open units that led to no adversarial point. */
  aside = Number.POSITIVE_INFINITY
  parts = 0
  readonly norm: Norm
  readonly sample: Float64Array
  readonly label: number
  /** Displacements that stay in the domain. */
  readonly lower: Float64Array
  readonly upper: Float64Array

  constructor(norm: Norm, sample: Float64Array, label: number, { model: { domain, classes } }: AttackContext) {
    this.norm = norm
    this.sample = sample
    this.label = label
    this.lower = sample.map((value, feature) => domain.lower[feature] - value)
    this.upper = sample.map((value, feature) => domain.upper[feature] - value)
    const corner = this.upper.map((high, feature) => Math.max(high, -this.lower[feature]))
    this.reach = 2 * this.#lengthOf(corner)
    this.open = [{ rivals: range(classes).filter((other) => other !== label), distance: 0, point: sample }]
  }

  get isOpen(): boolean {
    return this.open.some(({ distance }) => this.#matters(distance))
  }

  get interval(): Pick<DistanceInterval, 'lower' | 'upper' | 'nearest' | 'proved' | 'boxes'> {
    const upper = this.nearest ? this.reach : Number.POSITIVE_INFINITY
    const lower = this.open.reduce((least, { distance }) => Math.min(least, distance), Math.min(this.aside, upper))
    return { lower, upper, nearest: this.nearest, proved: !this.#matters(lower), boxes: this.parts }
  }

  propose(point: Float64Array, logits: Float64Array): void {
    const length = this.#lengthOf(point.map((value, feature) => value - this.sample[feature]))
    const isOther = logits.some((logit, other) => other !== this.label && logit >= logits[this.label])
    if (!isOther || length >= this.reach) return
    this.nearest = point
    this.reach = length
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
    const within = polyhedronOf([...of.ofSplits.values(), ...ofRival], this.sample, this)
    if (!within) return undefined
    const { status, d, multipliers } = closestInPolyhedron(this.norm, within.polyhedron, this.reach * (1 - tolerance))
    if (status === 'beyond') return undefined
    if (status === 'stalled') return { ...of, ofRival, view }
    const held = new Set(within.kept.filter((_, row) => multipliers[row] > 0))
    return {
      ...of,
      ofRival: ofRival.filter((cut) => held.has(cut)),
      view,
      distance: Math.max(of.distance, this.#lengthOf(d)),
      point: this.#moved(d, 0),
    }
  }

  /** Points about where a case is nearest, one of which is adversarial if the cuts are exact there. */
  candidates({ point }: Case): Float64Array[] {
    const displacement = point.map((value, feature) => value - this.sample[feature])
    return beyond.map((share) => this.#moved(displacement, share))
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

  #moved(displacement: Float64Array, share: number): Float64Array {
    return displacement.map((step, feature) => {
      return this.sample[feature] + Math.min(Math.max((1 + share) * step, this.lower[feature]), this.upper[feature])
    })
  }

  #lengthOf(displacement: Float64Array): number {
    return distance(new Float64Array(displacement.length), displacement)[this.norm]
  }

  #matters(distance: number): boolean {
    return distance < this.reach * (1 - tolerance)
  }
}

/**
 * Minimal distances by branch and bound over units, in float64: linear relaxation on the part of the ball where some units
 * are on and others off gives half-spaces that hold all inputs of another class, and what is nearest in all of them is a
 * lower bound and a candidate. There the relaxation is made as close as it can be, and so on; then the unit whose
 * relaxation costs most is split. The part that reaches nearest comes first.
 */
export async function unitDistances(context: AttackContext, norm: Norm): Promise<DistanceInterval[]> {
  const { model, inputs, labels, budget } = context
  const size = model.domain.lower.length
  const all = range(labels.length)
  const samplePoints = all.map((index) => Float64Array.from(rowOf(inputs.data, size, index)))
  const searches = samplePoints.map((sample, index) => new Search(norm, sample, labels[index], context))
  const propose = async (points: readonly Float64Array[], owners: readonly number[]) => {
    const logits = await logitsInFloat64(model, points)
    points.forEach((point, index) => {
      searches[owners[index]].propose(point, logits[index])
    })
  }
  await propose(samplePoints, all)
  const widths = [...unitInputs(model.graph).values()]
  const attack = widths.reduce((sum, width) => sum + width, 0) <= fewUnits ? linearRegion({ norm }) : fmn({ norm })
  const { adversarial, gradientQueries } = await attack.run(context)
  for (const share of beyond) {
    const found = samplePoints.map((sample, index) => {
      const point = rowOf(adversarial, size, index)
      return sample.map((value, feature) => {
        const moved = value + (1 + share) * (point[feature] - value)
        return Math.min(Math.max(moved, model.domain.lower[feature]), model.domain.upper[feature])
      })
    })
    await propose(found, all)
  }

  const most = Math.max(1, Math.min(mostParts, Math.floor(mostNumbers / Math.max(size, ...widths))))
  let open = all.filter((sample) => searches[sample].isOpen)
  while (open.length > 0 && (await budget.next())) {
    const share = Math.max(1, Math.min(mostOfSample, Math.ceil(most / open.length)))
    const taken = open.flatMap((owner) => searches[owner].take(share).map((node) => ({ owner, node })))
    // A refinement inherits bounds for all of its parts or for none.
    const groups = [true, false].flatMap((isWhole) =>
      batches(
        taken.filter(({ node }) => (node.units === undefined) === isWhole),
        most,
      ),
    )
    for (const group of groups) {
      if (!(await viewTogether(context, norm, searches, group, propose))) {
        for (const { owner, node } of group) searches[owner].open.push(node)
      }
    }
    open = open.filter((sample) => searches[sample].isOpen)
    context.progress(1 - open.length / searches.length)
  }
  return searches.map(({ interval }, sample) => ({ ...interval, gradientQueries: gradientQueries[sample] }))
}

/** False when the budget ended first. */
async function viewTogether(
  { model, inputs, budget }: AttackContext,
  norm: Norm,
  searches: readonly Search[],
  group: readonly { readonly owner: number; readonly node: Node }[],
  propose: (points: readonly Float64Array[], owners: readonly number[]) => Promise<void>,
): Promise<boolean> {
  const size = model.domain.lower.length
  const data = new Float32Array(group.length * size)
  group.forEach(({ owner }, index) => {
    data.set(rowOf(inputs.data, size, owner), index * size)
  })
  const settings = { norm, domain: 'intersect', rounding: 'ignored', precision: 'float64' } as const
  const radii = group.map(({ owner }) => searches[owner].reach)
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
    await propose(
      [...next, ...closed].flatMap((each) => searches[each.owner].candidates(each)),
      [...next, ...closed].flatMap(({ owner }) => beyond.map(() => owner)),
    )
    cases = next
  }
  for (const { owner } of group) searches[owner].parts++
  for (const each of [...closed, ...cases]) searches[each.owner].branch(each, parts.bounds[each.part]!, model.graph)
  return true
}
