import type { UnfooledError } from '../errors.js'
import { formatCount, formatDuration, formatNumber, formatPercent } from '../format.js'
import type { Shard } from '../sampling/shard.js'
import type { Interval } from '../statistics/binomial.js'
import { fewestDiscordantPairs } from '../statistics/mcnemar.js'
import type { AttackFinding, BoundValidityFinding, ErrorLimit, RegressionFinding } from './evidence.js'

// Reasons for an inconclusive verdict: what is missing, and what to do about it.

const moreTime = 'Allow more time (the timeout of the test, or the option budget), or check fewer samples.'

export function couldNotRun(error: UnfooledError): string {
  return error.message
}

export function nothingEligible(samples: number): string {
  if (samples === 0) return 'There are no samples.'
  return `None of the ${formatCount(samples, 'sample')} is classified correctly, so there is nothing to check. Look at labels (numbered from 0), preprocessing and domain.`
}

export function nothingWithinLimit(samples: number, limit: ErrorLimit): string {
  if (samples === 0) return 'There are no samples.'
  return `All ${formatCount(samples, 'output')} have ${beyond(limit)} without any attack, so there is nothing to check. Look at targets, preprocessing and domain, or set another limit.`
}

export function notFinite(quantity: string): string {
  return `A ${quantity} is not a finite number.`
}

export function attackInterrupted(
  { fooled, eligible }: AttackFinding | RegressionFinding,
  { maxFoolingRatio, milliseconds }: { maxFoolingRatio: number; milliseconds: number },
): string {
  const limit = maxFoolingRatio < 1 ? ` than the accepted ${formatPercent(maxFoolingRatio)}` : ''
  // What to do about it is in the attack's own warning.
  return `The time was up after ${formatDuration(milliseconds)}, with ${fooled} of ${formatCount(eligible, 'sample')} fooled: the rest of the attack might have fooled more${limit}.`
}

export function attackUnproved({ fooled, eligible, unproved }: AttackFinding): string {
  // Why is in the attack's own warning.
  return `The attack proves what is closest, and could not for ${unproved} of ${formatCount(eligible, 'sample')}, with ${fooled} fooled: there may be adversarial examples that it did not find.`
}

export function tooFewSamples(
  { fooled, eligible }: AttackFinding,
  { low, high }: Interval,
  maxFoolingRatio: number,
  confidence: number,
): string {
  const needed = Math.ceil(Math.log(1 - confidence) / Math.log(1 - maxFoolingRatio))
  const atLeast = eligible < needed ? `, at least ${needed} if none of them is fooled` : ''
  return `At ${formatPercent(confidence)} confidence, ${fooled} of ${formatCount(eligible, 'sample')} fooled means a fooling ratio from ${formatPercent(low)} to ${formatPercent(high)}: the limit of ${formatPercent(maxFoolingRatio)} lies between. Check more samples${atLeast}.`
}

export function boundInterrupted(certified: number, eligible: number, milliseconds: number): string {
  return `The time was up after ${formatDuration(milliseconds)}, with ${certified} of ${formatCount(eligible, 'sample')} certified; the others were not all decided. ${moreTime}`
}

export function verificationInterrupted(excluded: number, cases: number, milliseconds: number): string {
  return `The time was up after ${formatDuration(milliseconds)}, with ${excluded} of ${formatCount(cases, 'unsafe case')} excluded and no counterexample. Allow more time (the timeout of the test, or the option budget).`
}

export function undecided(excluded: number, cases: number): string {
  return `Linear relaxation excludes ${excluded} of ${formatCount(cases, 'unsafe case')}, and no counterexample was found. Inputs with this many features are not split further; smaller boxes may be decided.`
}

export function nothingCertified(eligible: number): string {
  return `The bound certifies none of the ${formatCount(eligible, 'eligible sample')}, so there is no radius to refute.`
}

export function nothingTried(): string {
  return 'There were no attacks and no runs, so nothing tried to refute the bound.'
}

export function validityInterrupted({ runs }: BoundValidityFinding, milliseconds: number): string {
  return `The time was up after ${formatDuration(milliseconds)} and ${formatCount(runs, 'random perturbation')}, without a violation so far. ${moreTime}`
}

export function comparisonInterrupted(milliseconds: number): string {
  return `The time was up after ${formatDuration(milliseconds)}: what the rest of it would have found may change the comparison with the baseline. ${moreTime}`
}

export function nothingToLose(
  { withstood, before, now }: { withstood: number; before: number; now: number },
  confidence: number,
  paired: boolean,
): string {
  const needed = paired ? `; at least ${fewestDiscordantPairs(confidence)} are needed` : ''
  const [only, none] = now === before ? ['Only ', 'none of them'] : ['', `none of the ${now} of this run`]
  return `${only}${withstood} of ${formatCount(before, 'sample')} withstood: if ${none} did any more, that would be no regression at ${formatPercent(confidence)} confidence${needed}. Take more samples, or a smaller ε.`
}

export function baselineMissing(file: string, why: 'ci' | 'negated' | 'shard'): string {
  const remedy = {
    ci: 'none is written where snapshots are not (--ci, or the environment variable CI). Run the test elsewhere, and commit the file',
    negated: 'the negated form writes none. Run the plain one',
    shard: 'a shard writes none. Run the test without UNFOOLED_SHARD, and commit the file',
  }[why]
  return `There is no baseline ${file}, and ${remedy}.`
}

export function baselineUnreadable(file: string, error: UnfooledError): string {
  return `${file} cannot be compared: ${error.message}`
}

export function baselineOfAnotherSetting(file: string, differences: readonly string[]): string {
  return `The baseline ${file} is of another setting: ${differences.join('; ')}.`
}

export function baselineRefused(why: string): string {
  return `${why} It was not compared. Run with -u to replace it, or give this check another name.`
}

/** A shard decides nothing alone. */
export function shardAlone({ index, count }: Shard): string {
  return `This is shard ${index} of ${count}: the verdict is that of all shards merged.`
}

/** What it means to be outside the limit. */
export function beyond({ quantity, value }: ErrorLimit): string {
  if (quantity === 'psnr') return `a PSNR below ${decibels(value)}`
  return `${quantity === 'mse' ? 'an MSE' : 'a loss'} above ${formatNumber(value)}`
}

export function decibels(value: number): string {
  return `${value === Number.POSITIVE_INFINITY ? '∞' : formatNumber(value)} dB`
}
