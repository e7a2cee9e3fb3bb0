import { expect, test } from 'vitest'
import { attention } from '../../reporters/attention.js'
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

test('failures of all models come before what could not tell, and that before warnings', () => {
  const checks = [attackEvidence({ warnings: ['A warning.'] }), inconclusiveEvidence(), hostileEvidence()]
  const marks = attention(createReport(records(checks), false)).map(({ mark }) => mark)
  expect(marks).toEqual(['!', '✗', '✗', '?', '!', '!', '!'])
})
