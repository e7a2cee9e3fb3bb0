import { SettingsError } from '../errors.js'

/** @throws SettingsError unless `value` is one of `choices`. */
export function checkChoice(bound: string, name: string, value: string, choices: readonly string[]): void {
  if (choices.includes(value)) return
  throw new SettingsError(`${bound} takes for ${name} one of ${choices.join(', ')}; it is ${JSON.stringify(value)}.`)
}

/** @throws SettingsError unless `value` is a whole number of at least 0, or one of the words. */
export function checkRounds(bound: string, name: string, value: number | string, words: readonly string[] = []): void {
  if (typeof value === 'string' ? words.includes(value) : Number.isInteger(value) && value >= 0) return
  const choices = ['a whole number of at least 0', ...words.map((word) => `'${word}'`)].join(' or ')
  throw new SettingsError(`${bound}: ${name} must be ${choices}; it is ${value}.`)
}
