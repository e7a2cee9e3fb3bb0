import { SettingsError } from './errors.js'

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
