import { expect, test } from 'vitest'
import { renderAnnotations } from '../../reporters/annotations.js'
import { errorText } from '../../reporters/error-text.js'
import { renderHtml } from '../../reporters/html/page.js'
import { renderJunit } from '../../reporters/junit.js'
import { renderMarkdown } from '../../reporters/markdown.js'
import { createReport } from '../../reporters/report.js'
import { renderSarif } from '../../reporters/sarif.js'
import { renderTerminal } from '../../reporters/terminal.js'
import { failedOutsideChecks } from '../../src/checks/failed-test.js'
import { attackEvidence, lowerBoundEvidence, records } from './evidence.js'
import { junitFaults, sarifFaults } from './validate.js'

const typo = { file: 'test/robustness.test.ts', test: 'typo', line: 7, message: 'pdg is not defined' }
const unloaded = { file: 'test/b.test.ts', test: undefined, message: 'Parse failure:\n  <const x = ;>' }
const report = createReport(records([lowerBoundEvidence()]), true, [typo, unloaded])

test('which failed tests no failed check accounts for', () => {
  const failed = { file: 'a.test.ts', test: 'resists', message: 'is fooled' }
  const check = { file: 'a.test.ts', test: 'resists', evidence: attackEvidence() }
  const shard = { index: 1, count: 2, of: check.evidence.samples }
  expect(failedOutsideChecks([failed], [check])).toEqual([])
  expect(failedOutsideChecks([failed], [{ ...check, test: undefined }])).toEqual([])
  for (const other of [
    { ...check, test: 'another' },
    { ...check, file: 'b.test.ts' },
    { ...check, project: 'one' },
    { ...check, evidence: lowerBoundEvidence() },
    { ...check, evidence: attackEvidence({ shard }) },
  ]) {
    expect(failedOutsideChecks([failed], [other])).toEqual([failed])
  }
  const ofFile = { ...failed, test: undefined }
  expect(failedOutsideChecks([ofFile, ofFile], [check])).toEqual([ofFile])
})

test('all that is text shows them', () => {
  const text = renderTerminal(report)
  expect(text).toContain('unfooled: 1 check of 1 model, none failed, 2 other failures\n')
  expect(text).toMatch(
    /✗ test\/robustness.test.ts > typo\n {4}It failed outside its checks: pdg is not defined\n✗ test\/b.test.ts\n {4}It failed outside its tests: Parse failure: <const x = ;>$/,
  )
  expect(renderMarkdown(report)).toContain(
    '- ❌ `test/robustness.test.ts > typo`: It failed outside its checks: pdg is not defined\n',
  )
  expect(renderAnnotations(report, 'packages/model')).toEqual([
    '::error file=packages/model/test/robustness.test.ts,line=7,title=typo::It failed outside its checks: pdg is not defined',
    '::error file=packages/model/test/b.test.ts,title=test/b.test.ts::It failed outside its tests: Parse failure: <const x = ;>',
  ])
})

test('without any check the terminal says so, and why', () => {
  expect(renderTerminal(createReport([], true, [typo]))).toMatch(
    /^unfooled: no robustness checks were recorded: .*\n\n✗ test\/robustness.test.ts > typo\n/,
  )
})

test('HTML counts and lists them', () => {
  const html = renderHtml(report)
  expect(html).toContain('<dt>other failures</dt><dd>2</dd>')
  expect(html).toContain('<strong>test/b.test.ts</strong><span>It failed outside its tests: Parse failure: &lt;const x')
})

test('JUnit has an error for each, in the suite of its file', async () => {
  const xml = renderJunit(report)
  expect(xml).toContain('<testsuites name="unfooled" tests="3" failures="0" errors="2"')
  expect(xml).toContain(`<testsuite name="test/robustness.test.ts" tests="2" failures="0" errors="1"`)
  expect(xml).toContain(`<testcase name="test/b.test.ts" classname="test/b.test.ts" time="0">
      <error type="failed test" message="It failed outside its tests: Parse failure: &lt;const x = ;&gt;"/>`)
  expect(await junitFaults(xml)).toEqual([])
})

test('in SARIF they make the run unsuccessful', () => {
  const log = JSON.parse(renderSarif(report, ''))
  expect(sarifFaults(log)).toEqual([])
  expect(log.runs[0]).toMatchObject({
    invocations: [{ executionSuccessful: false, toolExecutionNotifications: [{ level: 'error' }, { level: 'error' }] }],
    results: [],
  })
})

test('what errors say is without colours and stack, and no longer than a report has room for', () => {
  expect(errorText('Error: \u001b[31mno\u001b[39m model\n    at load (a.ts:1:1)')).toBe('no model')
  expect(errorText({ message: 'no model', stack: 'Error: no model\n    at a' })).toBe('no model')
  expect(errorText({ message: '', stack: 'TypeError: no model\n    at a' })).toBe('TypeError: no model')
  expect(errorText({})).toBe('An error without a message.')
  expect(errorText('x'.repeat(2000))).toHaveLength(1000)
})
