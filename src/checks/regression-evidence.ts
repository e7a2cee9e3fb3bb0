import type {
  AttackedRegressionSample,
  OutputError,
  OutputLoss,
  RegressionAttack,
  RegressionAttackResult,
} from '../attacks/regression/regression-attack.js'
import { attackRegressor } from '../attacks/regression/run-regression-attack.js'
import type { BudgetRequest } from '../budget.js'
import type { Regressor } from '../model/regressor.js'
import type { Samples } from '../sampling/samples.js'
import { binomialInterval } from '../statistics/binomial.js'
import { median } from '../statistics/median.js'
import { analyse } from './analysis.js'
import { describeAttack, describeModelAndSamples } from './describe.js'
import type { ErrorLimit, RegressionAttackEvidence, RegressionFinding } from './evidence.js'
import { judgeRegression, withVerdict } from './judgement.js'
import { takePictures } from './pictures.js'
import { largestErrors } from './telling-samples.js'

/** What one check of a regressor is asked. */
export interface RegressionQuestion extends Pick<RegressionAttackEvidence, 'limit' | 'maxFoolingRatio' | 'seed'> {
  /** What the attack raises. Default: the squared error. */
  readonly loss: OutputLoss | undefined
  readonly budget: BudgetRequest | undefined
}

/** Attacks the regressor and compares the errors of its outputs with the limit. An attack that cannot run is inconclusive. */
export async function regressionEvidence(
  model: Regressor,
  attack: RegressionAttack,
  samples: Samples,
  { limit, loss, maxFoolingRatio, seed, budget }: RegressionQuestion,
): Promise<RegressionAttackEvidence> {
  const {
    finding: result,
    reason,
    milliseconds,
  } = await analyse(() => attackRegressor(model, attack, { ...samples, loss, seed, budget }))
  const finding = result && withPictures(summarize(result, limit), result, model, samples, limit)
  const evidence = {
    kind: 'regression-attack' as const,
    ...describeModelAndSamples(model.description, samples),
    attack: describeAttack(attack),
    limit,
    maxFoolingRatio,
    seed,
    finding,
    warnings: result?.warnings ?? [],
    interrupted: result?.interrupted ?? false,
    milliseconds,
  }
  return withVerdict(evidence, reason, judgeRegression)
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

function withPictures(
  finding: RegressionFinding,
  { samples }: RegressionAttackResult,
  model: Regressor,
  { inputs }: Samples,
  limit: ErrorLimit,
): RegressionFinding {
  const examples = largestErrors(finding.perSample, limit).map((sample) => {
    return { sample, adversarial: samples[sample].adversarial }
  })
  return { ...finding, pictures: takePictures(model, inputs, examples) }
}
