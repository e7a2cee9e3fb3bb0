import { expect, test } from 'vitest'
import { attention } from '../../reporters/attention.js'
import { createReport } from '../../reporters/report.js'
import { attackEvidence, hostileEvidence, inconclusiveEvidence, records } from './evidence.js'

test('failures of all models come before what could not tell, and that before warnings', () => {
  const checks = [attackEvidence({ warnings: ['A warning.'] }), inconclusiveEvidence(), hostileEvidence()]
  const marks = attention(createReport(records(checks), false)).map(({ mark }) => mark)
  expect(marks).toEqual(['!', '✗', '✗', '?', '!', '!', '!'])
})
