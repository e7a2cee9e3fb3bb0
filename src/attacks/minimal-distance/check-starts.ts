import { SettingsError } from '../../errors.js'
import type { Attack } from '../attack.js'
import { checkList } from '../check-settings.js'

/** @throws SettingsError unless an attack can start from these: at least one, all of minimal distance and with its target. */
export function checkStarts(name: string, starts: readonly Attack[], target: Attack['target']): void {
  checkList(name, 'starts', starts, 'run', 'attacks such as deepFool()')
  for (const start of starts) {
    if (start.kind !== 'minimal-distance') {
      throw new SettingsError(`${name} starts from minimal-distance attacks; ${start.name} has a radius.`)
    }
    if (start.target !== target) {
      throw new SettingsError(`${name}: the target of ${start.name} is another; give both the same.`)
    }
  }
}
