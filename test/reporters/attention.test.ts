import { expect, test } from 'vitest'
import { attention, headline } from '../../reporters/attention.js'
import { createReport } from '../../reporters/report.js'
import { attackEvidence, hostileEvidence, inconclusiveEvidence, records } from './evidence.js'

test('a warning says which tests it is about', () => {
  const [one, two, three, four] = records([
    attackEvidence({ warnings: ['Shared.', 'Own.'] }),
    attackEvidence({ warnings: ['Shared.'] }),
    attackEvidence({ warnings: ['Shared.'] }),
    attackEvidence({ model: { ...attackEvidence().model, warnings: ['Of the model.'] } }),
  ])
  const warnings = attention(createReport([one, two, { ...three, test: two.test }, four], true)).filter(
    ({ mark }) => mark === '!',
  )
  expect(warnings.map(({ subject, text }) => [text, subject])).toEqual([
    ['Shared.', 'test/robustness.test.ts > check 0 and 1 more'],
    ['Own.', 'test/robustness.test.ts > check 0'],
  ])
})

test('what fails as its test expects needs none, and what could not tell does', () => {
  const assertion = { negated: false, passed: false, expectedToFail: true }
  const report = createReport(records([attackEvidence({ assertion }), { ...inconclusiveEvidence(), assertion }]), true)
  expect(attention(report).map(({ mark, subject }) => [mark, subject])).toEqual([
    ['?', 'test/robustness.test.ts > check 1'],
  ])
  expect(headline(report)).toBe('2 checks of 1 model, none failed, 1 failed as expected, 1 inconclusive')
})

test('failures of all models come before what could not tell, and that before warnings', () => {
  const checks = [attackEvidence({ warnings: ['A warning.'] }), inconclusiveEvidence(), hostileEvidence()]
  const marks = attention(createReport(records(checks), false)).map(({ mark }) => mark)
  expect(marks).toEqual(['!', '✗', '✗', '?', '!', '!', '!'])
})
