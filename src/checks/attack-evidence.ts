import type { Attack, AttackResult } from '../attacks/attack.js'
import { attack as runAttack } from '../attacks/run-attack.js'
import type { BudgetRequest } from '../budget.js'
import type { Classifier } from '../model/classifier.js'
import type { Samples } from '../sampling/samples.js'
import { analyse } from './analysis.js'
import { classifiedSamples } from './classified-samples.js'
import { describeAttack, describeModelAndSamples } from './describe.js'
import type { AttackEvidence, AttackFinding } from './evidence.js'
import { judgeAttack, withVerdict } from './judgement.js'
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
  const {
    finding: result,
    reason,
    milliseconds,
  } = await analyse(() =>
    runAttack(model, attack, {
      ...samples,
      seed,
      budget,
      keepExample: amongClosestOfClass(mostPictures, attack.norm),
    }),
  )
  const finding = result && withPictures(summarize(result), result, model, samples)
  const evidence = {
    kind: 'attack' as const,
    ...describeModelAndSamples(model.description, samples),
    attack: describeAttack(attack),
    maxFoolingRatio,
    confidence,
    seed,
    finding,
    warnings: result?.warnings ?? [],
    interrupted: result?.interrupted ?? false,
    milliseconds,
  }
  return withVerdict(evidence, reason, judgeAttack)
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
    ...(result.unproved > 0 && { unproved: result.unproved }),
    perSample: {
      ...classifiedSamples(samples),
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
