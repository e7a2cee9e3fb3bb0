import { SettingsError } from '../../errors.js'

/** @throws SettingsError unless `confidence` is finite and at least 0. */
export function checkConfidence(attack: string, confidence: number): void {
  if (Number.isFinite(confidence) && confidence >= 0) return
  throw new SettingsError(`${attack}: confidence must be a finite number of at least 0; it is ${confidence}.`)
}
