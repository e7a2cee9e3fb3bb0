import { refuseUnknown, settingsOf } from '../../arguments.js'
import type { Domain } from '../../geometry/domain.js'
import { floatTensor } from '../../graph/builder.js'
import type { Tensor } from '../../graph/graph.js'
import type { PerSample } from '../../sampling/per-sample.js'
import type { Attack } from '../attack.js'
import { checkConfidence, checkCount, checkPositive, checkTarget, recorded } from '../check-settings.js'
import { carliniWagnerGraph, shrink } from './carlini-wagner-graph.js'
import { searchConstants } from './constant-search.js'

export interface CarliniWagnerSettings {
  /** How many constants are tried for each sample. Default 9. */
  readonly binarySearchSteps?: number
  /** Most iterations for each constant. Default 100; the paper takes 10 000. */
  readonly steps?: number
  /**
   * First step of Adam, in tanh space; it falls to a hundredth. Default: for each sample its distance to the linearised
   * boundary, spread over all features: about 0.1 for images. The paper's is 0.01.
   */
  readonly learningRate?: number
  /**
   * What the penalty for not being fooled weighs in the first run. Default: an estimate for each sample, with which
   * penalty and squared distance balance at the linearised boundary. The paper starts at 0.001.
   */
  readonly initialConstant?: number
  /** By how much the logit of another class (or of the target) has to lead. Above 0, points are not moved to the boundary. Default 0. */
  readonly confidence?: number
  /** Whether a sample leaves when its objective falls by less than a ten-thousandth in a tenth of the steps. Default true. */
  readonly abortEarly?: boolean
  /** Class to move all samples to, or one per sample. Default: any other class. */
  readonly target?: PerSample
}

/**
 * Carlini and Wagner's ℓ2 attack: Adam on ‖δ‖² + c · max(confidence − lead of another class, 0) in tanh space, for a c that
 * is searched for each sample. A minimal-distance attack.
 * Carlini, Wagner, "Towards evaluating the robustness of neural networks", S&P 2017, §VI. Departures: the learning rate
 * falls along a cosine; untargeted, each sample aims at the class whose linearised boundary is nearest; the domain
 * takes up only nine tenths of tanh's range, so that features at its ends do not freeze; the result is moved to the
 * boundary.
 * @throws SettingsError when a setting makes no sense.
 */
export function carliniWagner(settings: CarliniWagnerSettings = {}): Attack {
  const {
    binarySearchSteps = 9,
    steps = 100,
    learningRate,
    initialConstant,
    confidence = 0,
    abortEarly = true,
    target,
    ...others
  } = settingsOf('carliniWagner', settings, '{ steps: 100 }')
  refuseUnknown('carliniWagner', others)
  const name = 'carliniWagner'
  checkCount(name, 'binarySearchSteps', binarySearchSteps)
  checkCount(name, 'steps', steps)
  if (learningRate !== undefined) checkPositive(name, 'learningRate', learningRate)
  if (initialConstant !== undefined) checkPositive(name, 'initialConstant', initialConstant)
  checkConfidence(name, confidence)
  checkTarget(name, target)
  return {
    name,
    kind: 'minimal-distance',
    norm: 'l2',
    target,
    settings: {
      binarySearchSteps,
      steps,
      learningRate: learningRate ?? 'estimated',
      initialConstant: initialConstant ?? 'estimated',
      confidence,
      abortEarly,
      ...(target !== undefined && { target: recorded(target) }),
    },
    run(context) {
      const { domain, graph } = context.model
      return searchConstants(context, {
        norm: 'l2',
        binarySearchSteps,
        steps,
        initialConstant,
        abortEarly,
        confidence,
        carried(origin) {
          const zeros = floatTensor(new Float32Array(origin.data.length), origin.shape)
          const rates = new Float32Array(origin.shape[0]).fill(learningRate ?? 0)
          return {
            'start:variable': toTanhSpace(origin, domain),
            'start:momentum': zeros,
            'start:variance': zeros,
            'start:rate': floatTensor(rates, [rates.length]),
          }
        },
        graph: (targeted) =>
          context.model.compile(`${name} ${steps} ${confidence} ${targeted}`, () =>
            carliniWagnerGraph(graph, { steps, confidence, domain, targeted }),
          ),
      })
    },
  }
}

function toTanhSpace({ data, shape }: Tensor, { lower, upper }: Domain): Tensor {
  const variables = Float32Array.from(data as Float32Array, (value, index) => {
    const [low, high] = [lower[index % lower.length], upper[index % lower.length]]
    const width = high - low
    return width > 0 ? Math.atanh(shrink * ((value - low) / width - (high - value) / width)) : 0
  })
  return floatTensor(variables, shape)
}
