import type { Domain } from './domain.js'
import { type AttackNorm, distance } from './norm.js'

/** Largest distance between two points of the domain. */
export function diameter({ lower, upper }: Domain, norm: AttackNorm): number {
  return distance(lower, upper, norm)[norm]
}
