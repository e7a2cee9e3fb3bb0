import type {
  AttackedRegressionSample,
  OutputError,
  OutputLoss,
  RegressionAttackResult,
} from '../src/attacks/regression/regression-attack.js'
import { attackRegressor } from '../src/attacks/regression/run-regression-attack.js'
import type { BudgetRequest } from '../src/budget.js'
import { analyse } from '../src/checks/analysis.js'
import {
  describeCheck,
  type ErrorLimit,
  type RegressionAttackEvidence,
  type RegressionFinding,
} from '../src/checks/evidence.js'
import { judgeRegression } from '../src/checks/judgement.js'
import { takePictures } from '../src/checks/pictures.js'
import { largestErrors } from '../src/checks/telling-samples.js'
import { SettingsError } from '../src/errors.js'
import type { Regressor } from '../src/model/regressor.js'
import { freshSeed } from '../src/sampling/random.js'
import type { Samples } from '../src/sampling/samples.js'
import { binomialInterval } from '../src/statistics/binomial.js'
import { median } from '../src/statistics/median.js'
import { refuseUnknown } from '../src/unknown-settings.js'
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

  const start = performance.now()
  const { finding: result, reason } = await analyse(() =>
    attackRegressor(model, attack, { ...samples, loss, seed, budget }),
  )
  const summary = result && summarize(result, limit)
  const finding = summary && {
    ...summary,
    pictures: takePictures(
      model,
      samples.inputs,
      largestErrors(summary.perSample, limit).map((sample) => ({
        sample,
        adversarial: result.samples[sample].adversarial,
      })),
    ),
  }
  const { name, kind, norm, settings, epsilon } = attack
  const evidence = {
    kind: 'regression-attack',
    ...describeCheck(model.description, samples),
    attack: { name, kind, norm, settings, epsilon: typeof epsilon === 'object' ? Float64Array.from(epsilon) : epsilon },
    limit,
    maxFoolingRatio,
    seed,
    finding,
    warnings: result?.warnings ?? [],
    interrupted: result?.interrupted ?? false,
    milliseconds: performance.now() - start,
  } as const
  if (!finding) return { ...evidence, verdict: 'inconclusive', reason }
  return { ...evidence, ...judgeRegression(finding, evidence) }
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

function summarize({ attack, samples, ...result }: RegressionAttackResult, limit: ErrorLimit): RegressionFinding {
  const errorOf = (error: OutputError) => error[limit.quantity]!
  const isWithin = (error: OutputError) =>
    limit.quantity === 'psnr' ? error.psnr >= limit.value : errorOf(error) <= limit.value
  const isEligible = ({ clean }: AttackedRegressionSample) => isWithin(clean)
  const isFooled = ({ clean, attacked }: AttackedRegressionSample) => isWithin(clean) && !isWithin(attacked)
  const eligible = samples.filter(isEligible).length
  const fooled = samples.filter(isFooled)
  return {
    eligible,
    fooled: fooled.length,
    foolingRatio: binomialInterval(fooled.length, eligible),
    medianCleanPsnr: result.medianCleanPsnr,
    medianOutputPsnr: result.medianOutputPsnr,
    medianInputPsnr: result.medianInputPsnr,
    medianDistance: median(fooled.map(({ distance }) => distance[attack.norm])),
    gradientQueries: result.gradientQueries,
    perSample: {
      eligible: Uint8Array.from(samples, (sample) => Number(isEligible(sample))),
      fooled: Uint8Array.from(samples, (sample) => Number(isFooled(sample))),
      cleanErrors: Float64Array.from(samples, ({ clean }) => errorOf(clean)),
      errors: Float64Array.from(samples, ({ attacked }) => errorOf(attacked)),
      distances: Float64Array.from(samples, ({ distance }) => distance[attack.norm]),
      cleanPsnrs: Float64Array.from(samples, ({ clean }) => clean.psnr),
      outputPsnrs: Float64Array.from(samples, ({ attacked }) => attacked.psnr),
      inputPsnrs: Float64Array.from(samples, ({ inputPsnr }) => inputPsnr),
    },
  }
}
