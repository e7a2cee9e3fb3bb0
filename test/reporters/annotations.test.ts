import { expect, test } from 'vitest'
import { renderAnnotations } from '../../reporters/annotations.js'
import { createReport } from '../../reporters/report.js'
import { attackEvidence, hostileEvidence, inconclusiveEvidence, lowerBoundEvidence, records } from './evidence.js'

test('an error per failed check, a warning for the rest', () => {
  const measured = { ...inconclusiveEvidence(), assertion: undefined }
  const checks = [attackEvidence({ warnings: ['A warning.'] }), lowerBoundEvidence(), measured, inconclusiveEvidence()]
  expect(renderAnnotations(createReport(records(checks), false), 'packages/model')).toMatchInlineSnapshot(`
    [
      "::warning title=unfooled::The run was interrupted: checks are missing.",
      "::error file=packages/model/test/robustness.test.ts,title=check 0 (pgd linf 0.1)::pgd within linf 0.1 fooled 2 of 3 samples (66.7 %25); accepted at most 10 %25. Seed 1.",
      "::warning file=packages/model/test/robustness.test.ts,title=check 2 (fgsm linf 0.1)::fgsm linf 0.1 is inconclusive. No gradient rule for operator Round (node round_1). Seed 1.",
      "::error file=packages/model/test/robustness.test.ts,title=check 3 (fgsm linf 0.1)::fgsm linf 0.1 is inconclusive. No gradient rule for operator Round (node round_1). Seed 1.",
      "::warning title=test/robustness.test.ts > check 0::A warning.",
    ]
  `)
})

test('the line of the test, where the runner says it', () => {
  const [record] = records([attackEvidence()])
  const [line] = renderAnnotations(createReport([{ ...record, line: 17 }], true), '')
  expect(line).toContain('::error file=test/robustness.test.ts,line=17,title=check 0 ')
})

test('the project of several that run the same file', () => {
  const [record] = records([attackEvidence()])
  const [line] = renderAnnotations(createReport([{ ...record, project: 'one' }], true), '')
  expect(line).toContain(',title=|one| check 0 ')
})

test('names of users cannot end a command or begin another', () => {
  const [record] = records([hostileEvidence()])
  const lines = renderAnnotations(createReport([{ ...record, test: 'a, b: c\r\n::error::forged' }], true), '')
  expect(lines[0]).toContain('title=a%2C b%3A c%0D%0A%3A%3Aerror%3A%3Aforged (')
  expect(lines.join('')).not.toMatch(/[\r\n]/)
  // A percent sign of the user's own is no escape.
  expect(lines[0]).toContain('%250A::error::')
})
