import { describe, isRecord } from '../arguments.js'
import { SettingsError } from '../errors.js'
import { type AttackNorm, exponent } from '../geometry/norm.js'
import type { Classifier } from '../model/classifier.js'
import type { PerSample } from '../sampling/per-sample.js'
import type { Attack } from './attack.js'

/** @throws SettingsError unless `norm` is one of `allowed`. */
export function checkNorm(
  attack: string,
  norm: AttackNorm,
  allowed: readonly AttackNorm[] = ['linf', 'l2', 'l1'],
): void {
  if (allowed.includes(norm)) return
  throw new SettingsError(`${attack} takes the norms ${allowed.join(', ')}; norm is ${describe(norm)}.`)
}

/** @throws SettingsError unless `norm` is that of an ℓp space: `linf`, or `l` and a number of at least 1. */
export function checkExponent(attack: string, norm: AttackNorm): void {
  const power = exponent(String(norm) as AttackNorm)
  if (norm === 'linf' || (Number.isFinite(power) && power >= 1)) return
  throw new SettingsError(
    `${attack} takes the norms linf, l2, l1 and any other ℓp with p ≥ 1, such as l1.5; norm is ${describe(norm)}.`,
  )
}

/** @throws SettingsError unless every value is finite and above zero. */
export function checkPositive(attack: string, name: string, values: PerSample): void {
  for (const value of listed(values)) {
    if (!(Number.isFinite(value) && value > 0)) {
      throw new SettingsError(`${attack}: ${name} must be a finite number above 0; it is ${describe(value)}.`)
    }
  }
}

/** @throws SettingsError unless `value` is a whole number of at least 1. */
export function checkCount(attack: string, name: string, value: number): void {
  if (Number.isInteger(value) && value >= 1) return
  throw new SettingsError(`${attack}: ${name} must be a whole number of at least 1; it is ${describe(value)}.`)
}

/** @throws SettingsError unless `gamma`, by what fraction a radius changes, is between 0 and 1. */
export function checkGamma(attack: string, gamma: number): void {
  if (gamma > 0 && gamma < 1) return
  throw new SettingsError(`${attack}: gamma must be a number between 0 and 1; it is ${describe(gamma)}.`)
}

/** @throws SettingsError unless `confidence` is finite and at least 0. */
export function checkConfidence(attack: string, confidence: number): void {
  if (Number.isFinite(confidence) && confidence >= 0) return
  throw new SettingsError(`${attack}: confidence must be a finite number of at least 0; it is ${describe(confidence)}.`)
}

/** @throws SettingsError unless every target is a whole number of at least 0. Whether it is a class is up to the model. */
export function checkTarget(attack: string, target: PerSample | undefined): void {
  for (const value of listed(target ?? [])) {
    if (!(Number.isInteger(value) && value >= 0)) {
      throw new SettingsError(`${attack}: target must be a class number, counted from 0; it is ${describe(value)}.`)
    }
  }
}

/**
 * @param property Tells the entries from anything else.
 * @throws SettingsError unless `list` has at least one entry, and all of them are `kind`.
 */
export function checkList(owner: string, name: string, list: readonly object[], property: string, kind: string): void {
  const refuse = (found: string) => {
    throw new SettingsError(`${owner}: ${name} must be a list of ${kind}, at least one; it ${found}.`)
  }
  if (!Array.isArray(list)) refuse(`is ${describe(list)}`)
  if (list.length === 0) refuse('is empty')
  for (const entry of list) if (!isRecord(entry) || !(property in entry)) refuse(`has ${describe(entry)}`)
}

/** How a setting that may differ between samples is recorded. */
export function recorded(value: PerSample): number | string {
  return typeof value === 'number' ? value : 'per sample'
}

/**
 * How attacks that another one consists of are recorded: each with its settings, in which any change is a change of the whole.
 * @param shared Settings that the whole records itself.
 */
export function recordedAttacks(attacks: readonly Attack[], shared: readonly string[]): string {
  const describeAttack = ({ name, settings }: Attack) => {
    const own = Object.entries(settings).filter(([setting]) => !shared.includes(setting))
    return own.length === 0 ? name : `${name} (${own.map((entry) => entry.join(' ')).join(', ')})`
  }
  return attacks.map(describeAttack).join(', ')
}

/** How models that an attack goes by are recorded: another file of the same name makes another attack. */
export function recordedModels(models: readonly Classifier[]): string {
  return models.map(({ description: { name, sha256 } }) => `${name} (sha256 ${sha256.slice(0, 12)})`).join(', ')
}

function listed(values: PerSample): readonly number[] {
  // Callers without types may leave out what is required.
  return typeof values === 'object' ? Array.from(values) : [values]
}
