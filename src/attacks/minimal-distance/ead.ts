import { refuseUnknown, settingsOf } from '../../arguments.js'
import { SettingsError } from '../../errors.js'
import type { Domain } from '../../geometry/domain.js'
import { floatTensor } from '../../graph/builder.js'
import type { PerSample } from '../../sampling/per-sample.js'
import type { Attack } from '../attack.js'
import { checkConfidence, checkCount, checkPositive, checkTarget, recorded } from '../check-settings.js'
import { searchConstants } from './constant-search.js'
import { eadGraph } from './ead-graph.js'

export interface EadSettings {
  /** How many constants are tried for each sample. Default 9. */
  readonly binarySearchSteps?: number
  /** Most iterations for each constant. Default 100; the paper takes 10 000. */
  readonly steps?: number
  /** First step; it falls like the square root of the iterations left. Default 0.01. */
  readonly learningRate?: number
  /**
   * β, what the ℓ1 distance counts beside the squared ℓ2 distance, in units of the domain's mean width or, if
   * that is less, the sample's ℓ1 distance to the linearised boundary. Default 0.1, the largest in the paper: in a few
   * iterations it gives the sparsest perturbations.
   */
  readonly regularisation?: number
  /**
   * What the penalty for not being fooled weighs in the first run. Default: an estimate for each sample, with which
   * penalty and squared distance balance at the linearised boundary. The paper starts at 0.001.
   */
  readonly initialConstant?: number
  /** By how much the logit of another class (or of the target) has to lead. Above 0, points are not moved to the boundary. Default 0. */
  readonly confidence?: number
  /** What makes an adversarial point the closest: its ℓ1 distance, or ‖δ‖₂² + β‖δ‖₁. Default `l1`. */
  readonly decisionRule?: 'l1' | 'elastic-net'
  /** Whether a sample leaves when its objective falls by less than a ten-thousandth in a tenth of the steps. Default true. */
  readonly abortEarly?: boolean
  /** Class to move all samples to, or one per sample. Default: any other class. */
  readonly target?: PerSample
}

/**
 * The elastic-net attack: FISTA on c · max(confidence − lead of another class, 0) + ‖δ‖₂² + β‖δ‖₁, for a c that is searched
 * for each sample. A minimal-distance attack in ℓ1.
 * Chen, Sharma, Zhang, Yi, Hsieh, "EAD: Elastic-net attacks to deep neural networks via adversarial examples", AAAI
 * 2018. Departures: adversarial points are looked for where the gradient is taken, which saves a forward pass;
 * untargeted, each sample aims at the class whose linearised boundary is nearest; the result is moved to the boundary.
 * @throws SettingsError when a setting makes no sense.
 */
export function ead(settings: EadSettings = {}): Attack {
  const {
    binarySearchSteps = 9,
    steps = 100,
    learningRate = 0.01,
    regularisation = 0.1,
    initialConstant,
    confidence = 0,
    decisionRule = 'l1',
    abortEarly = true,
    target,
    ...others
  } = settingsOf('ead', settings, '{ steps: 100 }')
  refuseUnknown('ead', others)
  checkCount('ead', 'binarySearchSteps', binarySearchSteps)
  checkCount('ead', 'steps', steps)
  checkPositive('ead', 'learningRate', learningRate)
  checkPositive('ead', 'regularisation', regularisation)
  if (initialConstant !== undefined) checkPositive('ead', 'initialConstant', initialConstant)
  checkConfidence('ead', confidence)
  checkTarget('ead', target)
  if (decisionRule !== 'l1' && decisionRule !== 'elastic-net') {
    throw new SettingsError(
      `ead takes the decision rules l1 and elastic-net; decisionRule is ${JSON.stringify(decisionRule)}.`,
    )
  }
  return {
    name: 'ead',
    kind: 'minimal-distance',
    norm: 'l1',
    target,
    settings: {
      binarySearchSteps,
      steps,
      learningRate,
      regularisation,
      initialConstant: initialConstant ?? 'estimated',
      confidence,
      decisionRule,
      abortEarly,
      ...(target !== undefined && { target: recorded(target) }),
    },
    run(context) {
      const { domain, graph } = context.model
      const fixed = { steps, learningRate, regularisation, width: meanWidth(domain), confidence, decisionRule, domain }
      return searchConstants(context, {
        norm: 'l1',
        binarySearchSteps,
        steps,
        initialConstant,
        abortEarly,
        confidence,
        carried: (origin) => ({
          'start:previous': origin,
          'start:unit': floatTensor(new Float32Array(origin.shape[0]), [origin.shape[0]]),
        }),
        graph: (targeted) =>
          context.model.compile(
            `ead ${steps} ${learningRate} ${regularisation} ${confidence} ${decisionRule} ${targeted}`,
            () => eadGraph(graph, { ...fixed, targeted }),
          ),
      })
    },
  }
}

/** Of the features that can change. */
function meanWidth({ lower, upper }: Domain): number {
  const widths = Array.from(upper, (high, feature) => high - lower[feature]).filter((width) => width > 0)
  return widths.reduce((sum, width) => sum + width, 0) / Math.max(widths.length, 1)
}
