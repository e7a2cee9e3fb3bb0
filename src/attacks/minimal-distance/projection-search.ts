import type { Float64Box } from '../../geometry/float64-box.js'
import { dualNorms, lengthOf } from '../../geometry/norm.js'
import { closestInPolyhedron } from '../../solvers/closest-in-polyhedron.js'
import { dot } from '../../solvers/dot.js'
import type { Polyhedron } from '../../solvers/dual-function.js'
import type { LinearisedMargin } from '../iteration/linearised-margin.js'

/** The closest adversarial displacement of a sample so far. */
export interface Incumbent {
  displacement: Float64Array
  length: number
}

export interface ProjectionSearchSettings {
  readonly norm: 'linf' | 'l2'
  /** Most linearisations. */
  readonly steps: number
  /** Displacements that stay in the domain. */
  readonly room: Float64Box
}

/** The displacements d with normal · d ≥ offset. */
interface Cut {
  readonly normal: Float64Array
  readonly offset: number
  /** Rounds since it last mattered. */
  idle: number
}

// Relative to the margin that the gradient makes of the distance: float32 logits know it no better.
const rounding = 2e-7
// Relative differences of length that are not worth another step.
const smallestGain = 1e-7
// On a LeNet, where dozens of kinks meet, more took longer and gained nothing.
const mostCuts = 12
const mostIdleRounds = 3

/**
 * Moves the incumbent closer to its sample, which is the origin, until no linearisation promises more. Linearised margins
 * around the incumbent are cuts: half-spaces in which the sample would be fooled. The smallest displacement within all of
 * them is asked about next, and becomes the incumbent or gives another cut: at a kink of the model, where several of its
 * linear pieces meet, the cuts come to describe all of them. A cut that turns out to claim too much goes; one that would
 * exclude the incumbent moves there, and the search stays nearer to it from then on.
 */
export function* projectionSearch(
  incumbent: Incumbent,
  { norm, steps, room }: ProjectionSearchSettings,
): Generator<Float64Array, 'finished', LinearisedMargin> {
  let margin = yield incumbent.displacement
  let own = cutAt(incumbent.displacement, margin)
  let ownMargin = Math.min(margin.margin, 0)
  let cuts = [own]
  let radius = incumbent.length
  const adopt = (displacement: Float64Array, length: number) => {
    Object.assign(incumbent, { displacement, length })
    own = cutAt(displacement, margin)
    ownMargin = Math.min(margin.margin, 0)
  }
  for (let used = 1; used < steps; ) {
    const within = polyhedronOf(cuts, around(incumbent.displacement, radius, room))
    const { status, d: trial } = closestInPolyhedron(norm, within, incumbent.length * (1 + 10 * smallestGain))
    const length = lengthOf(norm, trial)
    if (status === 'solved' && length > incumbent.length * (1 - smallestGain)) break
    if (status !== 'solved') {
      if (cuts.length === 1) break
      // Together the cuts exclude the incumbent.
      cuts = [own]
      radius /= 4
      continue
    }
    margin = yield trial
    used++
    const tolerance = rounding * lengthOf(dualNorms[norm], margin.gradient) * incumbent.length
    const cut = cutAt(trial, margin)
    const valid = cuts.filter((each) => each.offset - dot(each.normal, trial) <= margin.margin + 10 * tolerance)
    if (margin.margin <= tolerance) {
      adopt(trial, length)
      cuts = [...valid, cut]
      radius = Math.min(2 * radius, 4 * length)
    } else {
      cuts = valid.length > 0 ? valid : cuts
      const excess = cut.offset - dot(cut.normal, incumbent.displacement) - ownMargin
      const excludes = excess > tolerance
      if (excludes) radius /= 2
      cuts.push(excludes ? { ...cut, offset: cut.offset - excess } : cut)
      // Straight outwards, the boundary may be reached before the incumbent's distance.
      const climb = dot(cut.normal, trial)
      const factor = 1 + (1.05 * margin.margin + tolerance) / climb
      if (climb > 0 && factor * length < incumbent.length - 0.3 * (incumbent.length - length) && used < steps) {
        const outwards = trial.map((step, feature) =>
          Math.min(Math.max(factor * step, room.lower[feature]), room.upper[feature]),
        )
        margin = yield outwards
        used++
        if (margin.margin <= tolerance) adopt(outwards, lengthOf(norm, outwards))
      }
    }
    for (const each of cuts) {
      each.idle = dot(each.normal, trial) - each.offset > 100 * tolerance ? each.idle + 1 : 0
    }
    cuts = cuts.filter(({ idle }) => idle < mostIdleRounds).slice(-mostCuts)
  }
  return 'finished'
}

/** margin + gradient · (d − displacement) ≤ 0 */
function cutAt(displacement: Float64Array, { margin, gradient }: LinearisedMargin): Cut {
  const normal = Float64Array.from(gradient, (derivative) => -derivative)
  return { normal, offset: margin + dot(normal, displacement), idle: 0 }
}

/** With rows of unit length, and without those of cuts that do not slope, which say nothing. */
function polyhedronOf(cuts: readonly Cut[], { lower, upper }: Float64Box): Polyhedron {
  const sizes = cuts.map(({ normal }) => lengthOf('l2', normal))
  const sloping = [...cuts.keys()].filter((index) => sizes[index] > 0)
  return {
    rows: sloping.map((index) => cuts[index].normal.map((weight) => weight / sizes[index])),
    offsets: Float64Array.from(sloping, (index) => cuts[index].offset / sizes[index]),
    lower,
    upper,
  }
}

function around(displacement: Float64Array, radius: number, { lower, upper }: Float64Box): Float64Box {
  return {
    lower: lower.map((low, feature) => Math.max(low, displacement[feature] - radius)),
    upper: upper.map((high, feature) => Math.min(high, displacement[feature] + radius)),
  }
}
