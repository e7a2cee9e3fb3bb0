import { expect, test } from 'vitest'
import { renderMarkdown } from '../../reporters/markdown.js'
import { createReport } from '../../reporters/report.js'
import {
  attackEvidence,
  hostileEvidence,
  inconclusiveEvidence,
  lowerBoundEvidence,
  records,
  validityEvidence,
} from './evidence.js'

test('what needs attention, then a table per model', () => {
  const checks = [attackEvidence(), inconclusiveEvidence(), lowerBoundEvidence(), validityEvidence()]
  expect(renderMarkdown(createReport(records(checks), false))).toMatchInlineSnapshot(`
    "## unfooled: 4 checks of 1 model, 1 failed, 1 inconclusive

    - ⚠️ The run was interrupted: checks are missing.
    - ❌ \`test/robustness.test.ts > check 0\`: pgd within linf 0.1 fooled 2 of 3 samples \\(66.7 %\\); accepted at most 10 %. Seed 1.
    - ❓ \`test/robustness.test.ts > check 1\`: fgsm linf 0.1 is inconclusive. No gradient rule for operator Round \\(node round\\_1\\). Seed 1.

    ### \`digits_mlp.onnx\` · 6310 parameters · cpu

    |  | check | norm | radius | samples | clean % | fooled % | distance | certified | gap | time | seed |
    | :-- | :-- | :-- | --: | --: | --: | --: | --: | --: | --: | --: | --: |
    | ❌ | pgd | linf | 0.1 | 3/4 | 75 | 66.7 \\[9.4, 99.2\\] | 0.055 |  |  | 1.23 s | 1 |
    | ❓ | fgsm | linf | 0.1 | ?/4 |  |  |  |  |  | 1.23 s | 1 |
    | ✅ | crown | linf | 0.05 | 3/4 | 75 |  |  | 66.7 % | 0.03 | 87 ms |  |
    | ✅ | crown valid | linf |  | 3/4 | 75 | no violation |  | 0.02 / 0.06 | 0.02 | 65 s | 2 |

    <sub>fooled %: with the exact 95 % interval · distance: median of the adversarial examples · certified: share of the samples at this radius, or smallest / median radius · gap: median of distance − certified radius</sub>

    "
  `)
})

test('a run without checks says so', () => {
  expect(renderMarkdown(createReport([], true))).toContain('## unfooled: 0 checks of 0 models, none failed')
})

test('names of users are neither HTML nor Markdown, and notify nobody', () => {
  const [record] = records([hostileEvidence()])
  const markdown = renderMarkdown(createReport([{ ...record, test: 'pipes | and `quotes`' }], true))
  // Inline code shows everything as it is.
  const text = markdown.replace(/(?<!\\)(`+)(?!`)[\s\S]*?(?<!`)\1(?!`)/g, '')
  expect(markdown).toContain('`` test/robustness.test.ts > pipes | and `quotes` ``')
  expect(text).not.toContain('<img')
  expect(text).toContain('&lt;img src=x')
  expect(text).not.toContain('@octocat')
  expect(text).toContain('\\[x\\]\\(y\\)\\*\\`\\|')
  const rows = markdown.split('\n').filter((line) => line.startsWith('| '))
  const cells = rows.map((row) => row.replaceAll('\\|', '').split('|').length)
  expect(new Set(cells).size).toBe(1)
})

test('stays within what GitHub accepts', () => {
  const long = attackEvidence({ warnings: ['x'.repeat(70_000)] })
  const markdown = renderMarkdown(createReport(records([long]), true))
  expect(markdown.length).toBeLessThan(65_536)
  expect(markdown).toContain('- ❌ `test/robustness.test.ts > check 0`')
  expect(markdown).toContain('Too long for GitHub')
})
