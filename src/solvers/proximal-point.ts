import type { Float64Box } from '../geometry/float64-box.js'
import { addScaled } from './add-scaled.js'

/** ‖d‖ in the norm, if one is named, and curvature/2 · ‖d − centre‖₂². */
export interface Cost {
  readonly norm?: 'linf' | 'l1'
  readonly curvature: number
  /** Default 0. */
  readonly centre?: Float64Array
}

/** Where cost − pull · d is smallest. */
export interface ProximalPoint {
  readonly d: Float64Array
  /** What it is there, without curvature/2 · ‖centre‖₂². */
  readonly value: number
  /** 1 where d moves with its own pull. */
  readonly free: Uint8Array
  /** In ℓ∞, 1 or −1 where d is as large as any, up or down, and moves with all such pulls together. */
  readonly tied?: Float64Array
}

/** The proximal point in a box. (Parikh and Boyd, "Proximal algorithms", 2014, section 6.5.) */
export function proximalPoint(
  { norm, curvature, centre }: Cost,
  pull: Float64Array,
  { lower, upper }: Float64Box,
): ProximalPoint {
  const n = pull.length
  let all = pull
  if (centre) {
    all = pull.slice()
    addScaled(all, centre, curvature)
  }
  const top = norm === 'linf' ? largestEntry(all, curvature, { lower, upper }) : undefined
  const largest = top ? top.largest : Number.POSITIVE_INFINITY
  const shrink = norm === 'l1' ? 1 : 0
  const d = new Float64Array(n)
  const free = new Uint8Array(n)
  const tied = top?.isMoving ? new Float64Array(n) : undefined
  const perPull = 1 / curvature
  let value = top ? largest : 0
  for (let feature = 0; feature < n; feature++) {
    const own = all[feature]
    const wanted = shrink === 0 ? own : own - Math.min(Math.max(own, -shrink), shrink)
    const best = perPull * wanted
    const inBox = Math.min(Math.max(best, lower[feature]), upper[feature])
    const taken = top ? Math.min(Math.max(inBox, -largest), largest) : inBox
    free[feature] = Number(taken === best && (shrink === 0 || wanted !== 0))
    if (tied && taken !== inBox) tied[feature] = Math.sign(taken)
    d[feature] = taken
    value += shrink * Math.abs(taken) + taken * (0.5 * curvature * taken - own)
  }
  return { d, value, free, tied }
}

/** Writes how the point moves when the pull changes. */
export function follow(
  { free, tied }: ProximalPoint,
  curvature: number,
  change: Float64Array,
  move: Float64Array,
): void {
  const perPull = 1 / curvature
  for (let feature = 0; feature < move.length; feature++) move[feature] = free[feature] * (perPull * change[feature])
  if (!tied) return
  let [together, count] = [0, 0]
  for (let feature = 0; feature < move.length; feature++) {
    together += tied[feature] * change[feature]
    count += Math.abs(tied[feature])
  }
  if (count > 0) addScaled(move, tied, (perPull * together) / count)
}

/**
 * The largest entry t of the proximal point in ℓ∞, and whether it moves with the pull. Of the features that have more room
 * than t, Σ max(|pull| − curvature · t, 0) falls while t grows, and at t it is 1 or jumps across 1; but no t is less than the
 * box asks for.
 */
function largestEntry(
  pull: Float64Array,
  curvature: number,
  { lower, upper }: Float64Box,
): { largest: number; isMoving: boolean } {
  if (order.length !== pull.length) [order, ends] = [new Uint32Array(pull.length), new Float64Array(pull.length)]
  let stop = 0
  let least = 0
  for (let feature = 0; feature < pull.length; feature++) {
    const own = pull[feature]
    least = Math.max(least, lower[feature], -upper[feature])
    // So far the feature is in the sum.
    const end = Math.min(Math.abs(own) / curvature, own > 0 ? upper[feature] : -lower[feature])
    ends[feature] = end
    if (end > 0) order[stop++] = feature
  }
  // Of those that reach beyond t for sure. From start to stop are those that may.
  let [sum, count] = [0, 0]
  let start = 0
  while (start < stop) {
    const pivot = ends[order[(start + stop) >> 1]]
    // Those that reach beyond the pivot come first, those that end there next.
    let [above, below] = [start, stop]
    let [ofAbove, ofSame] = [0, 0]
    for (let index = start; index < below; ) {
      const feature = order[index]
      const end = ends[feature]
      if (end > pivot) {
        ofAbove += Math.abs(pull[feature])
        order[index++] = order[above]
        order[above++] = feature
      } else if (end < pivot) {
        order[index] = order[--below]
        order[below] = feature
      } else {
        ofSame += Math.abs(pull[feature])
        index++
      }
    }
    const less = curvature * pivot
    if (sum + ofAbove - less * (count + above - start) >= 1) stop = above
    else if (sum + ofAbove + ofSame - less * (count + below - start) >= 1)
      return { largest: Math.max(pivot, least), isMoving: false }
    else {
      sum += ofAbove + ofSame
      count += below - start
      start = below
    }
  }
  const largest = sum > 1 ? (sum - 1) / (curvature * count) : 0
  return largest > least ? { largest, isMoving: true } : { largest: least, isMoving: false }
}

// For millions of points, one after the other.
let [order, ends] = [new Uint32Array(0), new Float64Array(0)]
