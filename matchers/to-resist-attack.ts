import { refuseUnknown } from '../src/arguments.js'
import type { BudgetRequest } from '../src/budget.js'
import { attackEvidence } from '../src/checks/attack-evidence.js'
import type { AttackEvidence } from '../src/checks/evidence.js'
import { SettingsError } from '../src/errors.js'
import { freshSeed } from '../src/sampling/random.js'
import type { Samples } from '../src/sampling/samples.js'
import { requireAttack, requireClassifier, requireNumber, requireSamples } from './arguments.js'

export interface ResistAttackOptions {
  readonly samples: Samples
  /** Largest fooling ratio that is still accepted. Default 0: no sample may be fooled. */
  readonly maxFoolingRatio?: number
  /**
   * Judges by the exact one-sided binomial bounds at this confidence instead of by the ratio itself: the model resists
   * when even the upper bound is within `maxFoolingRatio`, and is fooled when even the lower bound is above it. Samples
   * that are too few to tell make the check inconclusive.
   */
  readonly confidence?: number
  /** Default: a fresh one, printed with every failure. */
  readonly seed?: number
  /** Default: 90 % of what is left of the test's timeout. */
  readonly budget?: BudgetRequest
}

/** Attacks the model and compares the fooling ratio with the limit. */
export async function checkAttackResistance(
  received: unknown,
  attackGiven: unknown,
  options: ResistAttackOptions,
): Promise<AttackEvidence> {
  const model = requireClassifier(received)
  const attack = requireAttack(attackGiven)
  const samples = requireSamples(options)
  const { samples: _, maxFoolingRatio = 0, confidence, seed = freshSeed(), budget, ...others } = options
  refuseUnknown('toResistAttack', others)
  requireNumber('maxFoolingRatio', maxFoolingRatio, 'from 0 to 1', (ratio) => ratio >= 0 && ratio <= 1)
  if (confidence !== undefined) {
    requireNumber('confidence', confidence, 'above 0.5 and below 1', (level) => level > 0.5 && level < 1)
    if (maxFoolingRatio === 0) {
      throw new SettingsError(
        'No number of samples shows a fooling ratio of 0 with confidence. Give a maxFoolingRatio above 0, or leave confidence out.',
      )
    }
  }

  return attackEvidence(model, attack, samples, { maxFoolingRatio, confidence, seed, budget })
}
