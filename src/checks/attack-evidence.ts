import type { Attack, AttackResult } from '../attacks/attack.js'
import { attack as runAttack } from '../attacks/run-attack.js'
import type { BudgetRequest } from '../budget.js'
import type { Classifier } from '../model/classifier.js'
import type { Samples } from '../sampling/samples.js'
import { analyse } from './analysis.js'
import { type AttackEvidence, type AttackFinding, describeCheck } from './evidence.js'
import { judgeAttack } from './judgement.js'
import { mostPictures, takePictures } from './pictures.js'
import { amongClosestOfClass, closestOfEachClass } from './telling-samples.js'

/** Attacks the model and compares the fooling ratio with the limit. An attack that cannot run is inconclusive. */
export async function attackEvidence(
  model: Classifier,
  attack: Attack,
  samples: Samples,
  {
    maxFoolingRatio,
    confidence,
    seed,
    budget,
  }: Pick<AttackEvidence, 'maxFoolingRatio' | 'confidence' | 'seed'> & { readonly budget: BudgetRequest | undefined },
): Promise<AttackEvidence> {
  const start = performance.now()
  const { finding: result, reason } = await analyse(() =>
    runAttack(model, attack, {
      ...samples,
      seed,
      budget,
      keepExample: amongClosestOfClass(mostPictures, attack.norm),
    }),
  )
  const finding = result && withPictures(summarize(result), result, model, samples)
  const evidence = {
    kind: 'attack',
    ...describeCheck(model.description, samples),
    attack: describeAttack(attack),
    maxFoolingRatio,
    confidence,
    seed,
    finding,
    warnings: result?.warnings ?? [],
    interrupted: result?.interrupted ?? false,
    milliseconds: performance.now() - start,
  } as const
  if (!finding) return { ...evidence, verdict: 'inconclusive', reason }
  return { ...evidence, ...judgeAttack(finding, evidence) }
}

/** An attack as evidence keeps it. */
export function describeAttack({ name, kind, norm, settings, epsilon }: Attack): AttackEvidence['attack'] {
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

function withPictures(
  finding: AttackFinding,
  { samples }: AttackResult,
  model: Classifier,
  { inputs }: Samples,
): AttackFinding {
  const order = closestOfEachClass(finding.perSample).slice(0, mostPictures)
  const examples = order.map((sample) => ({ sample, adversarial: samples[sample].adversarial! }))
  return { ...finding, pictures: takePictures(model, inputs, examples) }
}
