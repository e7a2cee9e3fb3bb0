import { refuseUnknown } from '../src/arguments.js'
import type { Bound } from '../src/bounds/bound.js'
import type { BudgetRequest } from '../src/budget.js'
import type { LowerBoundEvidence } from '../src/checks/evidence.js'
import { lowerBoundEvidence } from '../src/checks/lower-bound-evidence.js'
import type { Norm } from '../src/geometry/norm.js'
import type { Samples } from '../src/sampling/samples.js'
import { requireBoundIn, requireClassifier, requireNumber, requireSamples } from './arguments.js'

export interface LowerBoundAboveOptions {
  readonly samples: Samples
  /** Norm that the radius is measured in: that of the bound. */
  readonly norm: Norm
  /** A sound bound: an estimate certifies nothing. */
  readonly bound: Bound
  /** Smallest fraction of the eligible samples that has to be certified. Default 1: all of them. */
  readonly fraction?: number
  /** Default: 90 % of what is left of the test's timeout. */
  readonly budget?: BudgetRequest
}

/** Counts the samples whose certified radius is above the given one. */
export async function checkLowerBound(
  received: unknown,
  radius: number,
  options: LowerBoundAboveOptions,
): Promise<LowerBoundEvidence> {
  const model = requireClassifier(received)
  requireNumber('The radius', radius, 'a finite number from 0', (value) => Number.isFinite(value) && value >= 0)
  const samples = requireSamples(options)
  const { samples: _, norm, bound: given, fraction = 1, budget, ...others } = options
  refuseUnknown('toHaveLowerBoundAbove', others)
  const bound = requireBoundIn(norm, given)
  requireNumber('fraction', fraction, 'above 0 and at most 1', (value) => value > 0 && value <= 1)

  return lowerBoundEvidence(model, bound, samples, { radius, fraction, budget })
}
