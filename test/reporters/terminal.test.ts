import { expect, test } from 'vitest'
import { createReport } from '../../reporters/report.js'
import { renderTerminal } from '../../reporters/terminal.js'
import type { Evidence } from '../../src/checks/evidence.js'
import { binomialInterval } from '../../src/statistics/binomial.js'
import {
  attackEvidence,
  baselineEvidence,
  lowerBoundEvidence,
  records,
  regressionEvidence,
  validityEvidence,
} from './evidence.js'

function render(checks: readonly Evidence[], complete = true): string {
  return renderTerminal(createReport(records(checks), complete))
}

const failed = { negated: false, passed: false }

test('a table per model, then what needs attention', () => {
  const minimal = attackEvidence(
    { assertion: { negated: false, passed: true }, verdict: 'resists', maxFoolingRatio: 1, seed: 204331 },
    { name: 'deepFool', kind: 'minimal-distance', norm: 'l2', epsilon: undefined },
  )
  const inconclusive = attackEvidence(
    {
      assertion: failed,
      verdict: 'inconclusive',
      reason: 'No gradient rule for operator Round (node round_1). randomNoise needs no gradients.',
      finding: undefined,
    },
    { name: 'fgsm', epsilon: Float64Array.of(0.05, 0.1) },
  )
  const other = {
    ...attackEvidence().model,
    name: 'digits_cnn.onnx',
    parameters: 1,
    warnings: ['The output looks like probabilities.'],
  }
  const text = render([
    attackEvidence({ warnings: ['The gradient was exactly zero for 1 of 3 eligible samples.'] }),
    minimal,
    lowerBoundEvidence(),
    lowerBoundEvidence({ verdict: 'uncertified', assertion: failed, fraction: 0.9 }),
    validityEvidence(),
    inconclusive,
    attackEvidence({ model: other, assertion: { negated: true, passed: true } }),
  ])
  expect(text).toMatchInlineSnapshot(`
    "unfooled: 7 checks of 2 models, 2 failed, 1 inconclusive

    digits_mlp.onnx · 6310 parameters · cpu
       check        norm    radius  samples  clean %          fooled %  distance    certified   gap    time    seed
    ✗  pgd          linf       0.1      3/4       75  66.7 [9.4, 99.2]     0.055                     1.23 s       1
    ✓  deepFool     l2                  3/4       75  66.7 [9.4, 99.2]     0.055                     1.23 s  204331
    ✓  crown        linf      0.05      3/4       75                                   66.7 %  0.03   87 ms
    ✗  crown        linf      0.05      3/4       75                                   66.7 %  0.03   87 ms
    ✓  crown valid  linf                3/4       75      no violation            0.02 / 0.06  0.02    65 s       2
    ?  fgsm         linf  0.05–0.1      ?/4                                                          1.23 s       1

    digits_cnn.onnx · 1 parameter · cpu
       check    norm  radius  samples  clean %          fooled %  distance    time  seed
    ✓  not pgd  linf     0.1      3/4       75  66.7 [9.4, 99.2]     0.055  1.23 s     1

    fooled %: with the exact 95 % interval · distance: median of the adversarial examples · certified: share of the samples
    at this radius, or smallest / median radius · gap: median of distance − certified radius

    ✗ test/robustness.test.ts > check 0
        pgd within linf 0.1 fooled 2 of 3 samples (66.7 %); accepted at most 10 %. Seed 1.
    ✗ test/robustness.test.ts > check 3
        crown certifies 2 of 3 samples (66.7 %) above linf 0.05; required 90 %.
    ? test/robustness.test.ts > check 5
        fgsm linf 0.05–0.1 is inconclusive. No gradient rule for operator Round (node round_1). randomNoise needs no gradients. Seed 1.
    ! test/robustness.test.ts > check 0: The gradient was exactly zero for 1 of 3 eligible samples.
    ! digits_cnn.onnx: The output looks like probabilities."
  `)
})

test('fits 120 columns with realistic numbers', () => {
  const { finding } = attackEvidence()
  const big = attackEvidence(
    {
      samples: { count: 10_000, sha256: '', labels: 'given' },
      seed: 999999,
      finding: {
        ...finding!,
        eligible: 9_842,
        foolingRatio: binomialInterval(4_211, 9_842),
        medianDistance: 0.0217392,
      },
    },
    { name: 'carliniWagner', epsilon: 8 / 255 },
  )
  const valid = validityEvidence()
  const wide = { ...valid, finding: { ...valid.finding!, minimum: 0.012345, median: 0.023456 } }
  const lines = render([big, wide, lowerBoundEvidence()]).split('\n')
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(120)
})

test('a refuted bound says so, whichever test shows it', () => {
  const violated = validityEvidence({
    verdict: 'violated',
    assertion: failed,
    finding: {
      ...validityEvidence().finding!,
      violations: [
        {
          sample: 1,
          label: 1,
          adversarialPrediction: 7,
          radius: 0.06,
          distance: 0.055,
          foundBy: 'random perturbation',
        },
      ],
    },
  })
  const text = render([violated, lowerBoundEvidence({ radius: 0.08 }), attackEvidence()])
  expect(text.slice(text.indexOf('✗ test'))).toMatchInlineSnapshot(`
    "✗ test/robustness.test.ts > check 0
        crown is violated on 1 sample: a defect of the bound. Seed 2.
    ✗ test/robustness.test.ts > check 2
        pgd within linf 0.1 fooled 2 of 3 samples (66.7 %); accepted at most 10 %. Seed 1.
    ! digits_mlp.onnx: crown certifies 1 sample that another check fools: the bound is wrong. Sample 1 is certified up to linf 0.08, and pgd fools it at 0.08."
  `)
})

test('an interrupted run is incomplete', () => {
  expect(render([lowerBoundEvidence()], false)).toContain('! The run was interrupted: checks are missing.')
})

test('a run without evidence says so in one line', () => {
  expect(render([])).toMatchInlineSnapshot(
    `"unfooled: no robustness checks were recorded: no test came to one, or the setup file unfooled/vitest or unfooled/jest is not configured."`,
  )
})

test('attacks on regressors show what they did to the outputs', () => {
  const { finding } = regressionEvidence()
  const own = { ...finding!, medianCleanPsnr: Number.POSITIVE_INFINITY }
  const text = render([
    regressionEvidence(),
    regressionEvidence({ finding: own, verdict: 'resists', assertion: { negated: false, passed: true } }),
    regressionEvidence({ finding: undefined, verdict: 'inconclusive', reason: 'There are no samples.' }),
  ])
  expect(text).toMatchInlineSnapshot(`
    "unfooled: 3 checks of 1 model, 1 failed, 1 inconclusive

    autoencoder.onnx · 6310 parameters · cpu
       check   norm  radius  samples          fooled %    output dB  distance    time  seed
    ✗  linear  l2       0.5      3/4  33.3 [0.8, 90.6]  25.3 → 21.8       0.5  321 ms     3
    ✓  linear  l2       0.5      3/4  33.3 [0.8, 90.6]     ∞ → 21.8       0.5  321 ms     3
    ?  linear  l2       0.5      ?/4                                           321 ms     3

    fooled %: with the exact 95 % interval · output dB: median PSNR of the outputs without → with the attack · distance:
    median of the adversarial examples

    ✗ test/robustness.test.ts > check 0
        linear within l2 0.5 fooled 1 of 3 samples (33.3 %); accepted none. Seed 3.
    ? test/robustness.test.ts > check 2
        linear l2 0.5 is inconclusive. There are no samples. Seed 3."
  `)
})

test('an inconclusive check outside an assertion is not subtracted from the failed ones', () => {
  const measured = attackEvidence({
    verdict: 'inconclusive',
    reason: 'No samples.',
    assertion: undefined,
    finding: undefined,
  })
  expect(render([attackEvidence(), measured])).toContain('unfooled: 2 checks of 1 model, 1 failed, 1 inconclusive')
})

test('baselines are shown with what became worse and better', () => {
  const { finding } = baselineEvidence()
  const ratio = (value: number) => ({ value, low: 0, high: 1 })
  const unpaired = { paired: false, before: ratio(0.8), now: ratio(0.75) } as const
  const passed = { negated: false, passed: true }
  const text = render([
    baselineEvidence(),
    baselineEvidence({ finding: { ...finding!, comparison: unpaired }, verdict: 'kept', assertion: passed }),
    baselineEvidence({
      baseline: { file: 'b.json', state: 'written' },
      verdict: 'kept',
      assertion: passed,
      finding: { ...finding!, comparison: undefined },
    }),
  ])
  expect(text).toMatchInlineSnapshot(`
    "unfooled: 3 checks of 1 model, 1 failed

    digits_mlp.onnx · 6310 parameters · cpu
       check              norm  samples  clean %  baseline             time  seed
    ✗  deepFool baseline  linf      3/4       75  1 worse, 0 better  250 ms     4
    ✓  deepFool baseline  linf      3/4       75  80 % → 75 %        250 ms     4
    ✓  deepFool baseline  linf      3/4       75  written            250 ms     4

    ✗ test/robustness.test.ts > check 0
        deepFool finds the model weaker than its baseline __robustness__/a.json: of 3 samples, 1 withstand less than before and 0 more. Seed 4."
  `)
})
