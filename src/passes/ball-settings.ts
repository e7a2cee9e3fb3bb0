import type { Norm } from '../geometry/norm.js'
import type { Precision } from '../graph/builder.js'
import type { RoundingMode } from '../operators/rounding.js'

/** Whether perturbed inputs stay in the model's domain. */
export type DomainMode = 'intersect' | 'ignore'

/** What graphs of bounds are about: balls around inputs, and the arithmetic. */
export interface BallSettings {
  readonly norm: Norm
  readonly domain: DomainMode
  readonly rounding: RoundingMode
  readonly precision: Precision
}
