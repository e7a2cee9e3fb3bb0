import { SettingsError } from './errors.js'

/**
 * Settings as a caller without types may give them: not at all, or something else in their place.
 * @param owner The function that takes the settings.
 * @param example Settings that it could have, with all that it requires.
 * @throws SettingsError unless they are an object.
 */
export function settingsOf<Settings extends object>(owner: string, settings: Settings, example: string): Settings {
  if (isRecord(settings) && !Array.isArray(settings)) return settings
  throw new SettingsError(
    `${owner} takes an object with its settings, such as ${owner}(${example}). It was given ${settings === undefined ? 'nothing' : describe(settings)}.`,
  )
}

/**
 * Callers without types misspell settings, which then have their defaults: an attack is weaker than it seems.
 * @param owner What was given the settings.
 * @param others The settings that it does not know.
 * @throws SettingsError when there are any.
 */
export function refuseUnknown(owner: string, others: object): void {
  const names = Object.keys(others).map((name) => JSON.stringify(name))
  if (names.length === 0) return
  throw new SettingsError(`${owner} has no setting ${names.join(', ')}: is it misspelt? It would not be read.`)
}

/** A property that an argument must have, or what must be true of it. */
type Condition = string | ((argument: Record<string, unknown>) => boolean)

/**
 * Callers without types leave arguments out, forget to await one, or give them in another order.
 * @param call What a call looks like.
 * @param expected Every argument, in their order, with its condition.
 * @throws SettingsError when one is missing or something else.
 */
export function checkCall(
  call: string,
  ...expected: readonly (readonly [argument: unknown, condition: Condition])[]
): void {
  for (const [position, [argument, condition]] of expected.entries()) {
    const holds = typeof condition === 'string' ? (given: object) => condition in given : condition
    if (isRecord(argument) && holds(argument)) continue
    const place = ['first', 'second', 'third'][position]
    throw new SettingsError(`A call looks like ${call}; the ${place} argument here is ${describe(argument)}.`)
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** A value in a message that says what was given in place of something else. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'function') return 'a function'
  if (!isRecord(value)) return String(value)
  if (typeof value.then === 'function') return 'a promise that was not awaited'
  if (Array.isArray(value)) return `a list of ${value.length}`
  return describeOwn(value) ?? `an object with the properties ${Object.keys(value).join(', ') || '(none)'}`
}

/** A method or a model of this package; undefined for anything else. */
function describeOwn({ name, kind, run, margins, predict, description }: Record<string, unknown>): string | undefined {
  if (typeof margins === 'function') return `the bound ${name}`
  if (typeof run === 'function') return `the attack ${name}${kind === 'regression' ? ' on regressors' : ''}`
  if (typeof predict !== 'function' || !isRecord(description)) return undefined
  const { output } = description
  return `the ${isRecord(output) && 'shape' in output ? 'regressor' : 'classifier'} ${description.name}`
}
