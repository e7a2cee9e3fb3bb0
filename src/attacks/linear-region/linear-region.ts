import { refuseUnknown, settingsOf } from '../../arguments.js'
import { SettingsError } from '../../errors.js'
import type { PerSample } from '../../sampling/per-sample.js'
import type { Attack } from '../attack.js'
import { checkCount, checkNorm, checkPositive, checkTarget, recorded, recordedAttacks } from '../check-settings.js'
import { alma } from '../minimal-distance/alma.js'
import { checkStarts } from '../minimal-distance/check-starts.js'
import { fmn } from '../minimal-distance/fmn.js'
import { deepFool } from '../perturbation-analysis/deep-fool.js'
import type { PaperParameters } from './paper-exploration.js'
import { runLinearRegion } from './run-linear-region.js'

export interface LinearRegionSettings {
  /** Default `l2`. */
  readonly norm?: 'linf' | 'l2' | 'l1'
  /**
   * Minimal-distance attacks: the search starts at the closest adversarial example that any of them finds. Default:
   * `deepFool` and, of 100 steps each, `alma` (ℓ2, ℓ1) or `fmn` (ℓ∞), in the same norm.
   */
  readonly starts?: readonly Attack[]
  /**
   * `descent` (default): the regions next to each solution, those beyond further faces of the shortest, then those at
   * random points around the best and around the sample, as long as that helps. `paper`: the regions at random points alone.
   */
  readonly exploration?: 'descent' | 'paper'
  /**
   * Of `descent`: random points, a quarter of them around the sample. Default 30; on networks that were trained against
   * attacks, whose boundaries are ragged, some hundred find what is a little nearer.
   */
  readonly kicks?: number
  /** Of `paper`: size of the set of solutions that are explored around. Default 10. */
  readonly n1?: number
  /** Of `paper`: random points around each. Default 10. */
  readonly n2?: number
  /** Of `paper`: rounds of exploration before each local search. Default 5. */
  readonly n3?: number
  /** Of `paper`: how often exploration and local search take turns. Default 3. */
  readonly n4?: number
  /** Of `paper`: solutions longer than the best by this factor are not explored around. Default 1.5. */
  readonly alpha?: number
  /** To how many classes solutions may lead: those that the model gives the largest logits. Default 9. */
  readonly targetClasses?: number
  /** Class to move all samples to, or one per sample; that of the starts. Default: any other class. */
  readonly target?: PerSample
}

/**
 * rLR-QP, the linear-region attack: a piecewise affine model is affine within polytopes, and in each the smallest
 * displacement beyond the decision boundary is a convex program, which is solved exactly, within the domain. Regions are
 * visited one after the other and never twice. A minimal-distance attack in ℓ2, ℓ∞ or ℓ1, for models made of affine
 * operators, ReLU, LeakyReLU, Abs and max pooling. On networks of some hundred units it usually finds the minimum; with
 * thousands, an image takes seconds, and it pays to start from strong attacks.
 * Croce, Hein, "A randomized gradient-free attack on ReLU networks", GCPR 2018, Algorithm 1 (in whose lines 15 and 25
 * δ_temp is meant, not δ₀).
 * @throws SettingsError when a setting makes no sense; when it runs, UnsupportedOperatorError for other operators.
 */
export function linearRegion(settings: LinearRegionSettings = {}): Attack {
  const {
    norm = 'l2',
    target,
    starts: given,
    exploration = 'descent',
    kicks = 30,
    n1 = 10,
    n2 = 10,
    n3 = 5,
    n4 = 3,
    alpha = 1.5,
    targetClasses = 9,
    ...others
  } = settingsOf('linearRegion', settings, "{ norm: 'l2' }")
  refuseUnknown('linearRegion', others)
  const name = 'linearRegion'
  checkNorm(name, norm)
  checkTarget(name, target)
  const starts = given ?? usualStarts(norm, target)
  checkStarts(name, starts, target)
  if (exploration !== 'descent' && exploration !== 'paper') {
    throw new SettingsError(`${name} explores by descent or paper; exploration is ${JSON.stringify(exploration)}.`)
  }
  if (!(Number.isInteger(kicks) && kicks >= 0)) {
    throw new SettingsError(`${name}: kicks must be a whole number of at least 0; it is ${kicks}.`)
  }
  for (const [parameter, value] of Object.entries({ n1, n2, n3, n4 })) checkCount(name, parameter, value)
  checkPositive(name, 'alpha', alpha)
  checkCount(name, 'targetClasses', targetClasses)
  const parameters: PaperParameters | { kicks: number } =
    exploration === 'paper' ? { n1, n2, n3, n4, alpha } : { kicks }
  return {
    name,
    kind: 'minimal-distance',
    norm,
    target,
    settings: {
      norm,
      starts: recordedAttacks(starts, ['target']),
      exploration,
      ...parameters,
      ...(target === undefined ? { targetClasses } : { target: recorded(target) }),
    },
    run: (context) => runLinearRegion(context, { norm, starts, targetClasses, exploration: parameters }),
  }
}

function usualStarts(norm: 'linf' | 'l2' | 'l1', target: PerSample | undefined): Attack[] {
  const aim = target === undefined ? {} : { target }
  const second = norm === 'linf' ? fmn({ norm, steps: 100, ...aim }) : alma({ norm, steps: 100, ...aim })
  return [deepFool({ norm, ...aim }), second]
}
