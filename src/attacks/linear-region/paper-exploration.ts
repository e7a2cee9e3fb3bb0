import type { Question } from '../../regions/linear-regions.js'
import type { RandomSource } from '../../sampling/random.js'
import { range } from '../../sampling/rows.js'
import { dot } from '../../solvers/dot.js'
import type { Solution } from './region-program.js'
import type { Search } from './side-by-side.js'
import { plus, scaled } from './vectors.js'
import type { Visits } from './visits.js'

/** The parameters of Algorithm 1, by the paper's names. */
export interface PaperParameters {
  readonly n1: number
  readonly n2: number
  readonly n3: number
  readonly n4: number
  readonly alpha: number
}

/**
 * Algorithm 1: regions around random points near a set of solutions (exploration) and near the best one (local search).
 * In lines 15 and 25 the paper prints δ ← δ₀ where δ ← δ_temp is meant.
 */
export function* exploreAsPublished(
  visits: Visits,
  parameters: PaperParameters,
): Search<Question, Float32Array, 'finished'> {
  const { n1, n2, n3, n4, alpha } = parameters
  const { random, sample } = visits.settings
  yield* visits.solve([new Float64Array(sample.origin.length)], visits.length)
  if (!visits.best) return 'finished'
  const start = { displacement: visits.best, length: visits.length }
  let kept = range(n1).map((): Pick<Solution, 'displacement' | 'length'> => start)
  const look = function* (around: readonly Float64Array[], shrinking: number) {
    const points = around.flatMap((centre) =>
      range(n2).map(() => plus(centre, randomInBall(random, centre.length, visits.length / shrinking))),
    )
    const limit = Math.max(alpha * visits.length, ...kept.map(({ length }) => length))
    for (const found of yield* visits.solve(points, limit)) {
      const [longest] = kept.toSorted((left, right) => right.length - left.length)
      if (found.length >= alpha * visits.length || found.length >= longest.length) continue
      kept = kept.with(kept.indexOf(longest), found)
    }
  }
  for (let round = 1; round <= n4; round++) {
    for (let part = 0; part < n3; part++) {
      yield* look(
        kept.map(({ displacement }) => displacement),
        round,
      )
    }
    yield* look([visits.best ?? start.displacement], round)
  }
  return 'finished'
}

/** Uniform in direction and in radius, as in the paper. */
function randomInBall(random: RandomSource, size: number, radius: number): Float64Array {
  const direction = Float64Array.from({ length: size }, () => random.normal())
  return scaled(direction, (radius * random.uniform()) / Math.sqrt(dot(direction, direction)))
}
