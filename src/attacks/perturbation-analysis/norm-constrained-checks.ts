import { SettingsError } from '../../errors.js'
import type { Subsets } from './best-subset.js'
import type { PerturbationLoss } from './perturbation-analysis-graph.js'

const losses: readonly PerturbationLoss[] = ['cross-entropy', 'margin', 'logit']

/** @throws SettingsError unless `loss` is one that is linearised. */
export function checkLoss(attack: string, loss: PerturbationLoss): void {
  if (losses.includes(loss)) return
  throw new SettingsError(`${attack} takes the losses ${losses.join(', ')}; loss is ${JSON.stringify(loss)}.`)
}

interface Randomness {
  readonly steps: number
  readonly randomStart: boolean | number
  /** The dithering of each step. */
  readonly dithers: readonly number[]
}

/** @throws SettingsError unless start and dithers are in the ball, one for each step, and restarts differ. */
export function checkRandomness(
  attack: string,
  { steps, randomStart, dithers, restarts }: Randomness & { readonly restarts: number },
): void {
  if (typeof randomStart !== 'boolean' && !(randomStart > 0 && randomStart <= 1)) {
    throw new SettingsError(
      `${attack}: randomStart must be a boolean or a fraction of epsilon above 0; it is ${randomStart}.`,
    )
  }
  if (!Array.isArray(dithers) || dithers.length !== steps || !dithers.every((dither) => dither >= 0 && dither <= 1)) {
    throw new SettingsError(
      `${attack}: dithering must be a fraction of epsilon, or one for each of the ${steps} steps; it is ${dithers}.`,
    )
  }
  if (restarts > 1 && !isRandom(randomStart, dithers)) {
    throw new SettingsError(`${attack}: restarts without randomStart or dithering would repeat the same run.`)
  }
}

/** @throws SettingsError unless the subsets are disjoint, enough for all steps, and all that changes. */
export function checkSubsets(
  attack: string,
  { subsets, steps, randomStart, dithers }: Randomness & { readonly subsets: Subsets },
): void {
  const features = subsets.flat()
  if (!subsets.every(Array.isArray) || !features.every((feature) => Number.isInteger(feature) && feature >= 0)) {
    throw new SettingsError(`${attack}: subsets must be lists of the numbers of features, counted from 0.`)
  }
  if (subsets.some((subset) => subset.length === 0) || new Set(features).size < features.length) {
    throw new SettingsError(`${attack}: subsets must not be empty, and no feature can be in two of them.`)
  }
  if (steps > subsets.length) {
    throw new SettingsError(`${attack}: ${steps} steps need as many subsets; there are ${subsets.length}.`)
  }
  if (isRandom(randomStart, dithers)) {
    throw new SettingsError(`${attack}: randomStart and dithering change all features, which subsets forbid.`)
  }
}

function isRandom(randomStart: boolean | number, dithers: readonly number[]): boolean {
  return randomStart !== false || dithers.some((dither) => dither > 0)
}
