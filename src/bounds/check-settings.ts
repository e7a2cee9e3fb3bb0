import { SettingsError } from '../errors.js'

/** @throws SettingsError unless `value` is one of `choices`. */
export function checkChoice(bound: string, name: string, value: string, choices: readonly string[]): void {
  if (choices.includes(value)) return
  throw new SettingsError(`${bound} takes for ${name} one of ${choices.join(', ')}; it is ${JSON.stringify(value)}.`)
}
