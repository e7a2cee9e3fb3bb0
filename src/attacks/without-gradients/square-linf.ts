import type { Domain } from '../../geometry/domain.js'
import { boxWithinDomain } from '../../geometry/projection.js'
import type { RandomSource } from '../../sampling/random.js'
import { drawPatch, type FeatureGrid, featuresOf, type Patch } from './square-grid.js'

/** What Square draws for one sample. Points are written in place and stay in ball and domain. */
export interface Proposals {
  start(point: Float32Array): void
  /** Changes one or two patches that cover the fraction `p` of the grid. Says whether that changed anything. */
  change(point: Float32Array, p: number): boolean
}

/** The ball around one sample, and what it is searched with. */
export interface SquareBall {
  readonly grid: FeatureGrid
  readonly domain: Domain
  readonly center: Float32Array
  readonly radius: number
  readonly random: RandomSource
}

/**
 * Every feature is at one end of what ball and domain leave it: vertical stripes at the start, then a patch at a time
 * of one sign per channel (Algorithm 2 of the paper).
 */
export function linfProposals({ grid, domain, center, radius, random }: SquareBall): Proposals {
  const { lower, upper } = boxWithinDomain({ center, radius }, domain)
  const fill = (point: Float32Array, patch: Patch) => {
    let changed = false
    for (let channel = 0; channel < grid.channels; channel++) {
      const end = random.uniform() < 0.5 ? lower : upper
      for (const feature of featuresOf(grid, patch, channel)) {
        changed ||= point[feature] !== end[feature]
        point[feature] = end[feature]
      }
    }
    return changed
  }
  return {
    start(point) {
      for (let left = 0; left < grid.width; left++) fill(point, { top: 0, left, height: grid.height, width: 1 })
    },
    change: (point, p) => fill(point, drawPatch(grid, p, random)),
  }
}
