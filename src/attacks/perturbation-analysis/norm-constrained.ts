import { createHash } from 'node:crypto'
import { type AttackNorm, exponent } from '../../geometry/norm.js'
import type { Classifier } from '../../model/classifier.js'
import type { PerSample } from '../../sampling/per-sample.js'
import type { Attack } from '../attack.js'
import {
  checkCount,
  checkExponent,
  checkList,
  checkPositive,
  checkTarget,
  recorded,
  recordedModels,
} from '../check-settings.js'
import type { Subsets } from './best-subset.js'
import { checkLoss, checkRandomness, checkSubsets } from './norm-constrained-checks.js'
import type { PerturbationLoss } from './perturbation-analysis-graph.js'
import { runPerturbationAnalysis } from './run-perturbation-analysis.js'

export interface NormConstrainedSettings {
  /** The step that lowers the linearised loss most in the ball of radius epsilon. Default. */
  readonly step?: 'norm-constrained'
  /**
   * What is linearised: the `margin` of the label, its `logit`, or the `cross-entropy`, which is raised instead. Default
   * `margin`.
   */
  readonly loss?: PerturbationLoss
  /** `linf`, or `l` and any p ≥ 1, such as `l1.5`. Default `linf`. */
  readonly norm?: AttackNorm
  /** Radius of the ball, in input units: for all samples, or one per sample. */
  readonly epsilon: PerSample
  /** Linearisations, one after the other. Default 1. */
  readonly steps?: number
  /**
   * Norm of one step, in input units, or how it follows from epsilon. Default epsilon / steps; with subsets
   * epsilon / steps^(1/p), so that the sum of the steps has the norm epsilon as well.
   */
  readonly stepSize?: number | ((epsilon: number) => number)
  /**
   * `true`: start at a point drawn uniformly from the ball. A number: start at a random perturbation of that norm, as a
   * fraction of epsilon. Default false.
   */
  readonly randomStart?: boolean | number
  /**
   * Norm of a random perturbation, as a fraction of epsilon, at which the loss is linearised in place of the point that
   * the step starts from; one for all steps, or one for each. Default 0.
   */
  readonly dithering?: number | readonly number[]
  /** Runs, for the samples that still stand; needs one of the random settings. Default 1. */
  readonly restarts?: number
  /** Class to move all samples to, or one per sample. Default: any other class. */
  readonly target?: PerSample
  /** Disjoint sets of features: every step changes one of them, the best one, never the same twice. Default: none. */
  readonly subsets?: Subsets
  /** Models whose average loss is linearised in place of that of the model under test. Default: none. */
  readonly surrogates?: readonly Classifier[]
}

/**
 * An attack of norm-constrained steps.
 * @param chosen Settings that the user could choose: these are recorded.
 * @param fixed Settings that make the named attack.
 * @throws SettingsError when a setting makes no sense.
 */
export function normConstrained(
  name: string,
  chosen: NormConstrainedSettings,
  fixed: Partial<NormConstrainedSettings> = {},
): Attack {
  const settings = { ...chosen, ...fixed }
  const { loss = 'margin', norm = 'linf', epsilon, steps = 1, restarts = 1, target, subsets, surrogates } = settings
  const { randomStart = false, dithering = 0 } = settings
  checkExponent(name, norm)
  checkPositive(name, 'epsilon', epsilon)
  checkCount(name, 'steps', steps)
  checkCount(name, 'restarts', restarts)
  checkTarget(name, target)
  checkLoss(name, loss)
  const dithers = typeof dithering === 'number' ? Array<number>(steps).fill(dithering) : dithering
  checkRandomness(name, { steps, randomStart, dithers, restarts })
  if (subsets) checkSubsets(name, { subsets, steps, randomStart, dithers })
  if (surrogates) checkList(name, 'surrogates', surrogates, 'description', 'models')
  const { stepSize = sumToEpsilon(norm, steps, subsets !== undefined) } = settings
  const stepFor = (radius: number) => (typeof stepSize === 'number' ? stepSize : stepSize(radius))
  checkPositive(name, 'stepSize', typeof epsilon === 'number' ? stepFor(epsilon) : Array.from(epsilon, stepFor))
  const shown: Readonly<Record<string, unknown>> = {
    ...settings,
    epsilon: recorded(epsilon),
    stepSize: typeof epsilon === 'number' ? stepFor(epsilon) : typeof stepSize === 'number' ? stepSize : 'per sample',
    dithering: typeof dithering === 'number' ? dithering : dithering.join(', '),
    target: target === undefined ? undefined : recorded(target),
    subsets: subsets && `${subsets.length} (sha256 ${fingerprint(subsets)})`,
    surrogates: surrogates && recordedModels(surrogates),
  }
  const names = Object.keys(chosen).filter((key) => shown[key] !== undefined)
  return {
    name,
    kind: 'fixed-epsilon',
    norm,
    epsilon,
    target,
    settings: Object.fromEntries(names.map((key) => [key, shown[key]])) as Attack['settings'],
    run: (context) =>
      runPerturbationAnalysis(context, {
        norm,
        loss,
        steps,
        stepSize: stepFor,
        randomStart,
        dithers,
        restarts,
        subsets,
        surrogates,
      }),
  }
}

/** Other subsets make another attack, even if there are as many. */
function fingerprint(subsets: Subsets): string {
  return createHash('sha256').update(JSON.stringify(subsets)).digest('hex').slice(0, 12)
}

/** Norms of steps on disjoint subsets add up by their powers. */
function sumToEpsilon(norm: AttackNorm, steps: number, apart: boolean): (epsilon: number) => number {
  const share = steps ** -(apart ? 1 / exponent(norm) : 1)
  return (epsilon) => epsilon * share
}
