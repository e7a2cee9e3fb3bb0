import { refuseUnknown } from '../src/arguments.js'
import type { Attack } from '../src/attacks/attack.js'
import type { Bound } from '../src/bounds/bound.js'
import type { BudgetRequest } from '../src/budget.js'
import { boundValidityEvidence } from '../src/checks/bound-validity-evidence.js'
import type { BoundValidityEvidence } from '../src/checks/evidence.js'
import { freshSeed } from '../src/sampling/random.js'
import type { Samples } from '../src/sampling/samples.js'
import { requireAttack, requireBound, requireClassifier, requireNumber, requireSamples } from './arguments.js'

export interface ValidLowerBoundsOptions {
  readonly samples: Samples
  readonly bound: Bound
  /** What tries to refute the bound. Default: APGD-T within the certified radius of each sample, and FMN. */
  readonly attacks?: readonly Attack[]
  /** How many random perturbations try to refute it, too. Default 100. */
  readonly runs?: number
  /** Default: a fresh one, printed with every failure. */
  readonly seed?: number
  /** Together with the seed of a failure: goes straight to the perturbation that was printed with this path. */
  readonly path?: string
  /** Default: 90 % of what is left of the test's timeout. At most half of it is spent on the bound. */
  readonly budget?: BudgetRequest
}

/** Computes certified radii and looks for adversarial examples within them: there must be none. */
export async function checkBoundValidity(
  received: unknown,
  options: ValidLowerBoundsOptions,
): Promise<BoundValidityEvidence> {
  const model = requireClassifier(received)
  const samples = requireSamples(options)
  const { samples: _, bound: given, attacks, runs = 100, seed = freshSeed(), path, budget, ...others } = options
  refuseUnknown('toHaveValidLowerBounds', others)
  const bound = requireBound(given)
  attacks?.forEach(requireAttack)
  requireNumber('runs', runs, 'a whole number from 0', (count) => Number.isInteger(count) && count >= 0)

  return boundValidityEvidence(model, bound, samples, { ...options, runs, seed })
}
