import { expect, test } from 'vitest'
import { renderJunit } from '../../reporters/junit.js'
import { createReport } from '../../reporters/report.js'
import {
  attackEvidence,
  everyKindOfEvidence,
  hostileEvidence,
  inconclusiveEvidence,
  lowerBoundEvidence,
  records,
} from './evidence.js'
import { junitFaults } from './validate.js'

test('a suite per file, a case per check; failures, errors and the seed', () => {
  const [failed, inconclusive, passed] = records([attackEvidence(), inconclusiveEvidence(), lowerBoundEvidence()])
  const report = createReport([failed, inconclusive, { ...passed, file: 'test/a.test.ts', test: undefined }], true)
  expect(renderJunit(report)).toMatchInlineSnapshot(`
    "<?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="unfooled" tests="3" failures="1" errors="1" time="2.555">
      <testsuite name="test/a.test.ts" tests="1" failures="0" errors="0" time="0.087">
        <testcase name="crown linf 0.05" classname="test/a.test.ts" time="0.087">
          <system-out>Model digits_mlp.onnx.</system-out>
        </testcase>
      </testsuite>
      <testsuite name="test/robustness.test.ts" tests="2" failures="1" errors="1" time="2.468">
        <testcase name="check 0 · pgd linf 0.1" classname="test/robustness.test.ts" time="1.234">
          <failure type="fooled" message="pgd within linf 0.1 fooled 2 of 3 samples (66.7 %); accepted at most 10 %."/>
          <system-out>Model digits_mlp.onnx.
    Seed 1.</system-out>
        </testcase>
        <testcase name="check 1 · fgsm linf 0.1" classname="test/robustness.test.ts" time="1.234">
          <error type="inconclusive" message="fgsm linf 0.1 is inconclusive. No gradient rule for operator Round (node round_1)."/>
          <system-out>Model digits_mlp.onnx.
    Seed 1.</system-out>
        </testcase>
      </testsuite>
    </testsuites>
    "
  `)
})

test('what fails as expected is no failure', () => {
  const expected = attackEvidence({ assertion: { negated: false, passed: false, expectedToFail: true } })
  const xml = renderJunit(createReport(records([expected]), true))
  expect(xml).toContain('<testsuites name="unfooled" tests="1" failures="0" errors="0"')
  expect(xml).toContain('fooled 2 of 3 samples (66.7 %); accepted at most 10 %. Its test is expected to fail.')
})

test('an interrupted run and evidence that cannot be read are errors', () => {
  const unreadable = { file: 'b.test.ts', test: 'old', evidence: {} }
  const xml = renderJunit(createReport([unreadable], false))
  expect(xml).toContain('<testsuites name="unfooled" tests="2" failures="0" errors="2" time="0">')
  expect(xml).toContain('message="The run was interrupted: checks are missing."')
  expect(xml).toContain('message="b.test.ts &gt; old: This is no evidence of a check."')
})

test('a run without checks has no cases', () => {
  expect(renderJunit(createReport([], true))).toContain('<testsuites name="unfooled" tests="0" failures="0" errors="0"')
})

test('names of users are escaped, and what XML cannot say is replaced', () => {
  const [record] = records([hostileEvidence()])
  const xml = renderJunit(createReport([{ ...record, test: 'a < b && "c" \u0000' }], true))
  expect(xml).not.toContain('<img')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be there.
  expect(xml).not.toMatch(/[\u0000-\u0008\ud800]/u)
  expect(xml).toContain('<testcase name="a &lt; b &amp;&amp; &quot;c&quot; \ufffd · &lt;img src=x ')
  expect(xml).toContain('message="&lt;img src=x onerror=&quot;document.title=1&quot;&gt; &amp; |`*[x](y)*`|')
})

test('cases of the same test in several projects have names of their own', () => {
  const [record] = records([lowerBoundEvidence()])
  const inProject = { ...record, project: 'one' }
  const xml = renderJunit(createReport([inProject, { ...inProject, test: undefined }], true))
  expect(xml).toContain('<testcase name="|one| check 0 · crown linf 0.05" classname="test/robustness.test.ts"')
  expect(xml).toContain('<testcase name="|one| test/robustness.test.ts · crown linf 0.05"')
})

test('a test named true keeps its name', () => {
  const [record] = records([lowerBoundEvidence()])
  expect(renderJunit(createReport([{ ...record, file: 'true' }], true))).toContain('classname="true"')
})

test('is what Jenkins reads, with every kind of evidence', async () => {
  const unreadable = { file: 'b.test.ts', test: 'old', evidence: {} }
  for (const checks of [[], [...records(everyKindOfEvidence()), unreadable]]) {
    expect(await junitFaults(renderJunit(createReport(checks, false)))).toEqual([])
  }
  expect(await junitFaults('<testsuites><testcase/></testsuites>')).not.toEqual([])
})
