import { SettingsError } from '../errors.js'

/**
 * Callers without types may leave the settings out, or give the norm alone.
 * @throws SettingsError unless `settings` is an object.
 */
export function checkGiven(bound: string, settings: object): void {
  if (typeof settings === 'object' && settings !== null) return
  const given = JSON.stringify(settings) ?? 'nothing'
  throw new SettingsError(
    `${bound} takes an object with its settings, of which norm is required: ${bound}({ norm: 'linf' }). It was given ${given}.`,
  )
}

/** @throws SettingsError unless `value` is one of `choices`. */
export function checkChoice(bound: string, name: string, value: string, choices: readonly string[]): void {
  if (choices.includes(value)) return
  throw new SettingsError(`${bound} takes for ${name} one of ${choices.join(', ')}; it is ${JSON.stringify(value)}.`)
}

/** @throws SettingsError unless `value` is a whole number of at least 0. */
export function checkRounds(bound: string, name: string, value: number): void {
  if (Number.isInteger(value) && value >= 0) return
  throw new SettingsError(`${bound}: ${name} must be a whole number of at least 0; it is ${value}.`)
}
