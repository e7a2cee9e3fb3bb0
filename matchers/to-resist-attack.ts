import type { Attack, AttackResult } from '../src/attacks/attack.js'
import { attack as runAttack } from '../src/attacks/run-attack.js'
import type { BudgetRequest } from '../src/budget.js'
import { SettingsError } from '../src/errors.js'
import { type AttackEvidence, type AttackFinding, describeCheck } from '../src/evidence.js'
import { freshSeed } from '../src/sampling/random.js'
import type { Samples } from '../src/sampling/samples.js'
import { binomialInterval, type Interval } from '../src/statistics/binomial.js'
import type { Verdict } from '../src/verdict.js'
import { analyse } from './analysis.js'
import { requireAttack, requireClassifier, requireNumber, requireSamples } from './arguments.js'
import * as message from './message.js'

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
  const { maxFoolingRatio = 0, confidence, seed = freshSeed(), budget } = options
  requireNumber('maxFoolingRatio', maxFoolingRatio, 'from 0 to 1', (ratio) => ratio >= 0 && ratio <= 1)
  if (confidence !== undefined) {
    requireNumber('confidence', confidence, 'above 0.5 and below 1', (level) => level > 0.5 && level < 1)
    if (maxFoolingRatio === 0) {
      throw new SettingsError(
        'No number of samples shows a fooling ratio of 0 with confidence. Give a maxFoolingRatio above 0, or leave confidence out.',
      )
    }
  }

  const start = performance.now()
  const { finding: result, reason } = await analyse(() => runAttack(model, attack, { ...samples, seed, budget }))
  const finding = result && summarize(result)
  const limit = { maxFoolingRatio, confidence }
  const milliseconds = performance.now() - start
  const evidence = {
    kind: 'attack',
    ...describeCheck(model.description, samples),
    attack: describeAttack(attack),
    ...limit,
    seed,
    finding,
    warnings: result?.warnings ?? [],
    interrupted: result?.interrupted ?? false,
    milliseconds,
  } as const
  if (!finding) return { ...evidence, verdict: 'inconclusive', reason }
  return { ...evidence, ...judge(finding, { ...limit, interrupted: evidence.interrupted, milliseconds }) }
}

interface Limit {
  readonly maxFoolingRatio: number
  readonly confidence: number | undefined
  readonly interrupted: boolean
  readonly milliseconds: number
}

function judge(finding: AttackFinding, limit: Limit): { verdict: Verdict; reason?: string } {
  const { eligible, fooled, foolingRatio, perSample } = finding
  if (eligible === 0) {
    return { verdict: 'inconclusive', reason: message.nothingEligible(perSample.eligible.length) }
  }
  if (Number.isNaN(foolingRatio.value)) return { verdict: 'inconclusive', reason: message.notFinite('fooling ratio') }
  const ratio = limit.confidence === undefined ? exactly(fooled / eligible) : atConfidence(finding, limit.confidence)
  // Going on can only fool more samples, so an interrupted attack that has fooled too many has decided.
  if (ratio.low > limit.maxFoolingRatio) return { verdict: 'fooled' }
  if (limit.interrupted) return { verdict: 'inconclusive', reason: message.attackInterrupted(finding, limit) }
  if (ratio.high <= limit.maxFoolingRatio) return { verdict: 'resists' }
  return {
    verdict: 'inconclusive',
    reason: message.tooFewSamples(finding, ratio, limit.maxFoolingRatio, limit.confidence!),
  }
}

function exactly(value: number): Interval {
  return { value, low: value, high: value }
}

/** Each end of a two-sided interval at 2c − 1 is a one-sided bound at confidence c. */
function atConfidence({ fooled, eligible }: AttackFinding, confidence: number): Interval {
  return binomialInterval(fooled, eligible, 2 * confidence - 1)
}

function describeAttack({ name, kind, norm, settings, epsilon }: Attack): AttackEvidence['attack'] {
  return { name, kind, norm, settings, epsilon: typeof epsilon === 'object' ? Float64Array.from(epsilon) : epsilon }
}

function summarize({ attack, samples, ...result }: AttackResult): AttackFinding {
  return {
    eligible: result.eligible,
    fooled: result.fooled,
    foolingRatio: result.foolingRatio,
    cleanAccuracy: result.cleanAccuracy,
    robustAccuracy: result.robustAccuracy,
    medianDistance: result.medianDistance,
    gradientQueries: result.gradientQueries,
    perSample: {
      eligible: Uint8Array.from(samples, (sample) => Number(sample.eligible)),
      labels: Int32Array.from(samples, (sample) => sample.label),
      predictions: Int32Array.from(samples, (sample) => sample.prediction),
      fooled: Uint8Array.from(samples, (sample) => Number(sample.fooled)),
      adversarialPredictions: Int32Array.from(samples, (sample) => sample.adversarialPrediction),
      distances: Float64Array.from(samples, (sample) => sample.distance?.[attack.norm] ?? Number.NaN),
    },
  }
}
