import type { Attack } from '../attacks/attack.js'
import type { EpsilonSweep } from '../measures/epsilon-sweep.js'
import type { Classifier } from '../model/classifier.js'
import type { Samples } from '../sampling/samples.js'
import { binomialInterval } from '../statistics/binomial.js'
import { median } from '../statistics/median.js'
import { classifiedSamples } from './classified-samples.js'
import { describeAttack, describeModelAndSamples } from './describe.js'
import type { AttackEvidence, AttackFinding } from './evidence.js'
import { judgeAttack } from './judgement.js'

/**
 * What an ε sweep found, as one check for each radius: a sample counts as fooled at a radius when the sweep fooled it there
 * or at a smaller one.
 */
export function sweepEvidence(
  model: Classifier,
  method: (epsilon: number) => Attack,
  samples: Samples,
  sweep: EpsilonSweep,
  { maxFoolingRatio, milliseconds }: Pick<AttackEvidence, 'maxFoolingRatio' | 'milliseconds'>,
): AttackEvidence[] {
  const radii = sweep.curve.length
  return sweep.curve.map(({ epsilon }) => {
    const finding = findingAt(epsilon, sweep)
    const evidence = {
      kind: 'attack',
      ...describeModelAndSamples(model.description, samples),
      attack: describeAttack(method(epsilon)),
      maxFoolingRatio,
      seed: sweep.seed,
      finding,
      warnings: sweep.warnings,
      interrupted: sweep.interrupted,
      // The radii share the work of the sweep.
      milliseconds: milliseconds / radii,
    } as const
    return { ...evidence, ...judgeAttack(finding, evidence) }
  })
}

function findingAt(epsilon: number, { samples, eligible, gradientQueries, curve }: EpsilonSweep): AttackFinding {
  const isFooled = samples.map((sample) => sample.eligible && sample.smallestEpsilon <= epsilon)
  const fooled = isFooled.filter(Boolean).length
  const distances = Float64Array.from(samples, ({ smallestEpsilon }, index) =>
    isFooled[index] ? smallestEpsilon : Number.NaN,
  )
  return {
    eligible,
    fooled,
    foolingRatio: binomialInterval(fooled, eligible),
    cleanAccuracy: eligible / samples.length,
    robustAccuracy: (eligible - fooled) / samples.length,
    medianDistance: median([...distances].filter((distance) => !Number.isNaN(distance))),
    gradientQueries: Math.round(gradientQueries / curve.length),
    perSample: {
      ...classifiedSamples(samples),
      fooled: Uint8Array.from(isFooled, Number),
      adversarialPredictions: Int32Array.from(samples, ({ prediction, adversarialPrediction }, index) =>
        isFooled[index] ? adversarialPrediction : prediction,
      ),
      distances,
    },
  }
}
