import { lengthOf } from '../../geometry/norm.js'
import type { Face, Question } from '../../regions/linear-regions.js'
import { range } from '../../sampling/rows.js'
import { addScaled } from '../../solvers/add-scaled.js'
import { dot } from '../../solvers/dot.js'
import { directionsTo } from './directions.js'
import { sizeOf, unit } from './first-rows.js'
import { nearestBeyond, type Solution } from './region-program.js'
import { type Search, sideBySide } from './side-by-side.js'
import { displaced, plus, scaled } from './vectors.js'
import type { Visits } from './visits.js'

// Solutions longer than the best by this factor, the paper's α, are not followed.
const alpha = 1.5
// Of the length of a solution: how far beyond faces neighbours are looked for.
const beyondFaces = 1e-3
const outwards = [1e-3, 1e-2]
const mostNeighbours = 24
// Of the solutions found beyond other faces and by kicks, the shortest are followed.
const mostLeads = 5
// Minima longer than the shortest by this factor are not looked around, nor beyond faces farther away than this share of
// their ℓ2 length, nor beyond more of them.
const nearlyShortest = 1.05
const mostAway = 0.5
const mostOthers = 20
const approachSteps = 8
// From solution to solution. A lead that would need more of its last step to become the best is left.
const mostSteps = 30
const stepsAhead = 10
// Of the length of the best. A class that seems so far away may still be as near as it is, but one farther off hardly ever is.
const farOff = 3
// Of the domain: a step that ends an approach.
const closeEnough = 1e-4
const kicksAtATime = 20
const kickRows = 5
// In lengths of the best: how far from the sample classes are approached anew, and what is worth solving then.
const farthestAround = 2
const worthSolving = 1.2
// Looked at where neither the start nor any approach found an adversarial point.
const randomPoints = 100
// Relative gains of length that are not worth another round.
const smallestGain = 1e-6

/**
 * Solves the regions of the sample and of the start; approaches each class by projections of the sample onto its
 * linearised boundary; from every solution goes on to the neighbouring regions as long as they have shorter ones; looks
 * beyond the other faces of the shortest; then does so from random points, in directions that the first layer sees: a quarter
 * of them around the sample, to come to other minima, the others around the best.
 */
export function* descend(visits: Visits, kicks: number): Search<Question, Float32Array, 'finished'> {
  const { sample, classes } = visits.settings
  const starts = visits.best ? [visits.best, ...ahead(visits.best)] : []
  const own = new Float64Array(sample.origin.length)
  const first = yield* visits.solve([own, ...starts], visits.length)
  const approached = yield* sideBySide(classes.map((wanted) => approach(visits, wanted, own)))
  const seconds = yield* sideBySide(
    classes.flatMap((wanted, index) => {
      const point = approached[index]
      return point ? [visits.solve([point, ...ahead(point)], alpha * visits.length, [wanted])] : []
    }),
  )
  const scattered = visits.best
    ? []
    : yield* visits.solve(
        range(randomPoints).map(() => randomPoint(visits)),
        visits.length,
      )
  const leads = [first[0], ...seconds.map(([shortest]) => shortest), scattered[0]].filter((lead) => lead !== undefined)
  const close = leads.filter(({ length }) => length < alpha * visits.length)
  yield* widen(visits, yield* sideBySide(close.map((lead) => follow(visits, lead))))
  for (let done = 0; done < kicks && visits.best; done += kicksAtATime) {
    const count = Math.min(kicksAtATime, kicks - done)
    const around = Math.floor(count / 4)
    yield* approachAnew(visits, visits.best, around)
    yield* kick(visits, visits.best, count - around)
  }
  return 'finished'
}

/**
 * From a solution to the shortest of its neighbours, until there is none shorter: gives the last. Ends early where it creeps, as it
 * does through the tiny regions of deep networks.
 */
function* follow(visits: Visits, lead: Solution): Search<Question, Float32Array, Solution> {
  let current = lead
  for (let step = 0; step < mostSteps; step++) {
    const [shortest] = yield* visits.solve(neighbours(current), current.length * (1 - smallestGain))
    if (!shortest) break
    const gain = current.length - shortest.length
    current = shortest
    if (current.length - visits.length > stepsAhead * gain) break
  }
  return current
}

/** Of leads, the shortest first: gives the last solution from each of the first. */
function followFirst(visits: Visits, leads: readonly Solution[]): Search<Question, Float32Array, Solution[]> {
  return sideBySide(leads.slice(0, mostLeads).map((lead) => follow(visits, lead)))
}

/**
 * The boundary may come nearer again further along it: looks beyond the faces that do not hold the shortest minima back, and
 * goes on from what is shorter there, as long as there is something.
 */
function* widen(visits: Visits, minima: readonly Solution[]): Search<Question, Float32Array, void> {
  // Several leads often end at the same minimum.
  const isNew = (length: number, index: number) =>
    !minima.slice(0, index).some((other) => Math.abs(other.length - length) < smallestGain * length)
  let around = minima.filter(({ length }, index) => length < nearlyShortest * visits.length && isNew(length, index))
  while (around.length > 0) {
    const { length } = visits
    const found = yield* visits.solve(around.flatMap(beyondOthers), length)
    const reached = yield* followFirst(visits, found)
    around = reached
      .filter((minimum) => minimum.length < length * (1 - smallestGain))
      .sort((left, right) => left.length - right.length)
      .slice(0, 1)
  }
}

/** Points beyond each of the nearest faces that do not hold a solution back. */
function beyondOthers({ displacement, length, others }: Solution): Float64Array[] {
  const size = Math.sqrt(dot(displacement, displacement))
  return others
    .map(({ normal, offset }) => ({ normal, away: dot(normal, displacement) - offset }))
    .filter(({ away }) => away < mostAway * size)
    .sort((left, right) => left.away - right.away)
    .slice(0, mostOthers)
    .map(({ normal, away }) => plus(displacement, normal, -(away + beyondFaces * length)))
}

/**
 * Projects the sample onto the linearised boundary of a class, first at a point and then each time at the last projection;
 * undefined where that leads far off.
 */
function* approach(
  visits: Visits,
  wanted: number,
  from: Float64Array,
): Search<Question, Float32Array, Float64Array | undefined> {
  const { regions, label, sample, norm } = visits.settings
  const { origin, lower, upper } = sample
  const boundary: Face = { plus: regions.logits + wanted, minus: regions.logits + label }
  const farthest = Math.sqrt(upper.reduce((sum, high, feature) => sum + Math.max(high, -lower[feature]) ** 2, 0))
  let displacement = from
  for (let step = 0; step < approachSteps; step++) {
    const point = displaced(origin, displacement)
    const [entries, gradient] = yield [
      { about: 'values', point },
      { about: 'rows', point, faces: [boundary] },
    ]
    const size = sizeOf(gradient)
    if (!(size > 0)) break
    const normal = unit(gradient, size)
    const lead = entries[boundary.plus] - entries[boundary.minus]
    const d = nearestBeyond(norm, { normal, offset: dot(normal, displacement) - lead / size }, sample)
    if (!d) break
    if (lengthOf(norm, d) > farOff * visits.length) return undefined
    const change = plus(d, displacement, -1)
    displacement = d
    if (dot(change, change) < (closeEnough * farthest) ** 2) break
  }
  return displacement
}

/** Approaches classes anew from random points around the sample. */
function* approachAnew(visits: Visits, best: Float64Array, count: number): Search<Question, Float32Array, void> {
  const farthest = farthestAround * Math.sqrt(dot(best, best))
  const found = yield* sideBySide(range(count).map(() => approachFromAround(visits, farthest)))
  const leads = found.filter((lead) => lead !== undefined).sort((left, right) => left.length - right.length)
  yield* followFirst(visits, leads)
}

/** From one point that far at most: the solution in the region that a random class is approached in. */
function* approachFromAround(visits: Visits, farthest: number): Search<Question, Float32Array, Solution | undefined> {
  const { random, sample, classes, norm } = visits.settings
  const rows = yield* someFirstRows(visits, sample.origin)
  const wanted = classes[Math.floor(random.uniform() * classes.length)]
  const from = scaled(randomDirection(visits, rows), farthest * random.uniform())
  const point = yield* approach(visits, wanted, from)
  const limit = worthSolving * visits.length
  if (!point || lengthOf(norm, point) > limit) return undefined
  const [shortest] = yield* visits.solve([point], limit, [wanted])
  return shortest
}

/** Starts anew from random points around the best. */
function* kick(visits: Visits, best: Float64Array, count: number): Search<Question, Float32Array, void> {
  const { random, sample } = visits.settings
  const rows = yield* someFirstRows(visits, displaced(sample.origin, best))
  const points = range(count).map(() => plus(best, randomDirection(visits, rows), visits.length * random.uniform()))
  // Where nothing is shorter is soon seen, so that many kicks cost little.
  yield* followFirst(visits, yield* visits.solve(points, visits.length))
}

/** Of length 1, or 0 where no row is. */
function randomDirection(visits: Visits, rows: readonly Float64Array[]): Float64Array {
  const direction = new Float64Array(visits.settings.sample.origin.length)
  for (const row of rows) addScaled(direction, row, visits.settings.random.normal())
  const size = Math.sqrt(dot(direction, direction))
  return size > 0 ? unit(direction, size) : direction
}

/** Directions that the first layer sees. */
function* someFirstRows(visits: Visits, point: Float32Array): Search<Question, Float32Array, Float64Array[]> {
  const { regions, firstRows, random } = visits.settings
  const entries = range(Math.min(kickRows, regions.firstSize)).map(() =>
    Math.floor(random.uniform() * regions.firstSize),
  )
  if (firstRows) return entries.flatMap((entry) => firstRows[entry]?.normal ?? [])
  const [rows] = yield [{ about: 'rows', point, faces: entries.map((plus) => ({ plus, minus: -1 })) }]
  const n = point.length
  return entries.flatMap((_, row) => {
    const gradient = rows.subarray(row * n, (row + 1) * n)
    const size = sizeOf(gradient)
    return size > 0 ? [unit(gradient, size)] : []
  })
}

function randomPoint({ settings: { random, sample } }: Visits): Float64Array {
  return sample.lower.map((low, feature) => low + random.uniform() * (sample.upper[feature] - low))
}

function ahead(displacement: Float64Array): Float64Array[] {
  return outwards.map((factor) => scaled(displacement, 1 + factor))
}

/** Points beyond all active faces, beyond each single one, and further out. */
function neighbours({ displacement, length, active }: Solution): Float64Array[] {
  const crossings = [-1, ...range(Math.min(active.length - 1, mostNeighbours)).map((face) => face + 1)]
  const sides = crossings.map((crossed) =>
    Float64Array.from(active, (_, face) => (face > 0 && (crossed < 0 || face === crossed) ? -1 : 1)),
  )
  const beyond = directionsTo(active, sides).map((direction) => plus(displacement, direction, beyondFaces * length))
  return [...beyond, ...ahead(displacement)]
}
