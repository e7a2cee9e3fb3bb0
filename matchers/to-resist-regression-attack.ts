import { refuseUnknown } from '../src/arguments.js'
import type { OutputLoss } from '../src/attacks/regression/regression-attack.js'
import type { BudgetRequest } from '../src/budget.js'
import type { ErrorLimit, RegressionAttackEvidence } from '../src/checks/evidence.js'
import { regressionEvidence } from '../src/checks/regression-evidence.js'
import { SettingsError } from '../src/errors.js'
import type { Regressor } from '../src/model/regressor.js'
import { freshSeed } from '../src/sampling/random.js'
import type { Samples } from '../src/sampling/samples.js'
import { requireNumber, requireRegressionAttack, requireSamples } from './arguments.js'

/** Exactly one of the limits has to be given. */
export interface ResistRegressionAttackOptions {
  /** Without targets, outputs are compared with those for the unperturbed inputs. */
  readonly samples: Samples
  /** Largest mean squared error of an output that is still accepted. */
  readonly maxOutputError?: number
  /** Smallest PSNR of an output, in dB, that is still accepted. */
  readonly minOutputPsnr?: number
  /** Largest value of `loss` that is still accepted. */
  readonly maxLoss?: number
  /** What the attack raises. Default: the squared error. */
  readonly loss?: OutputLoss
  /** Largest share of the samples, of those within the limit without the attack, that may be beyond it. Default 0. */
  readonly maxFoolingRatio?: number
  /** Default: a fresh one, printed with every failure. */
  readonly seed?: number
  /** Default: 90 % of what is left of the test's timeout. */
  readonly budget?: BudgetRequest
}

/** Attacks a regressor and compares the errors of its outputs with the limit. */
export async function checkRegressionResistance(
  model: Regressor,
  attackGiven: unknown,
  options: ResistRegressionAttackOptions,
): Promise<RegressionAttackEvidence> {
  const attack = requireRegressionAttack(attackGiven)
  const samples = requireSamples(options)
  const { samples: _, maxOutputError, minOutputPsnr, maxLoss, maxFoolingRatio = 0, loss, ...repeat } = options
  const { seed = freshSeed(), budget, ...others } = repeat
  refuseUnknown('toResistAttack', others)
  const limit = requireLimit(options)
  requireNumber('maxFoolingRatio', maxFoolingRatio, 'from 0 to 1', (ratio) => ratio >= 0 && ratio <= 1)

  return regressionEvidence(model, attack, samples, { limit, loss, maxFoolingRatio, seed, budget })
}

function requireLimit({ maxOutputError, minOutputPsnr, maxLoss, loss }: ResistRegressionAttackOptions): ErrorLimit {
  const given: ErrorLimit[] = []
  const limits = { mse: maxOutputError, psnr: minOutputPsnr, loss: maxLoss }
  for (const quantity of ['mse', 'psnr', 'loss'] as const) {
    const value = limits[quantity]
    if (value !== undefined) given.push({ quantity, value })
  }
  if (given.length !== 1) {
    throw new SettingsError(
      `A regressor is checked against one limit: maxOutputError, minOutputPsnr, or maxLoss with a loss; ${given.length === 0 ? 'none' : given.length} of them ${given.length > 1 ? 'are' : 'is'} given.`,
    )
  }
  const [{ quantity, value }] = given
  if (quantity === 'mse')
    requireNumber('maxOutputError', value, 'a finite number from 0', (most) => most >= 0 && most < Infinity)
  if (quantity === 'psnr') requireNumber('minOutputPsnr', value, 'a finite number of dB', Number.isFinite)
  if (quantity === 'loss') requireNumber('maxLoss', value, 'a finite number', Number.isFinite)
  if (quantity === 'loss' && !loss) throw new SettingsError('maxLoss needs the loss that it limits: { loss, maxLoss }.')
  return { quantity, value }
}
