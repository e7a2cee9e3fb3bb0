import { expect, test } from 'vitest'
import { attackWarnings } from '../../src/attacks/warnings.js'

const findings = {
  samples: [],
  eligible: 4,
  fooled: 0,
  labelled: false,
  cleanAccuracy: 1,
  vanished: 2,
  flat: 0,
  standingAnywhere: 1,
  unfound: 1,
  interrupted: false,
  unproved: [],
}

test.each([
  ['an attack with another loss', { loss: 'cross-entropy' }, true],
  ['an attack that uses it already', { loss: 'margin' }, false],
  ['an attack that has no such setting', { steps: 100 }, false],
])('warnings recommend the margin to %s: %o', (_, settings, recommended) => {
  const warnings = attackWarnings({ ...findings, settings })
  expect(warnings).toHaveLength(3)
  for (const warning of warnings) expect(warning.includes("loss: 'margin'")).toBe(recommended)
})
