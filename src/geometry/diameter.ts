import type { Domain } from './domain.js'
import { distance, type Norm } from './norm.js'

/** Largest distance between two points of the domain. */
export function diameter({ lower, upper }: Domain, norm: Norm): number {
  return distance(lower, upper)[norm]
}
