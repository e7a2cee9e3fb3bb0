import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { BaselinePlace } from '../../matchers/to-match-robustness-baseline.js'
import type { Attack } from '../../src/attacks/attack.js'
import type { Bound } from '../../src/bounds/bound.js'
import type { BaselineEvidence } from '../../src/checks/evidence.js'
import type { Classifier } from '../../src/model/classifier.js'
import { loadModel } from '../../src/model/load-model.js'
import { seed } from '../seed.js'
import { denseModel } from '../tiny-models.js'
import { type Asserted, assertion, testFile } from './baseline-project.js'
import { exactBound, fools, samplesBelow, thresholdModel } from './subject.js'

let model: Classifier
let file: string
let folder: string
beforeAll(async () => {
  model = await thresholdModel()
})
beforeEach(() => {
  file = testFile()
  folder = dirname(file)
})
afterEach(() => vi.restoreAllMocks())

const samples = samplesBelow(20)

interface Assertion extends Partial<BaselinePlace> {
  readonly subject?: Classifier
  readonly isNot?: boolean
  readonly options?: object
}

function assertBaseline(
  method: Attack | Bound,
  { subject = model, isNot = false, options = {}, update = 'none', ...place }: Assertion = {},
): Promise<Asserted<BaselineEvidence>> {
  return assertion({ testFile: file, test: 'resists', update, ...place }, isNot, (matchers, context) =>
    matchers.toMatchRobustnessBaseline.call(context, subject, method, { samples, seed, ...options }),
  )
}

const write = (method: Attack | Bound, more: Assertion = {}) => assertBaseline(method, { update: 'new', ...more })
const update = (method: Attack | Bound, more: Assertion = {}) => assertBaseline(method, { update: 'all', ...more })
const stored = () => readFileSync(join(folder, '__robustness__/a.test.ts/resists.json'), 'utf8')

/** Always finds an adversarial example, at the distance of the class boundary times a factor. */
function minimal(factor: number): Attack {
  const attack = fools(0)
  return {
    ...attack,
    name: 'closest',
    kind: 'minimal-distance',
    epsilon: undefined,
    run: async (context) => ({
      ...(await attack.run(context)),
      adversarial: context.inputs.data.map((value) => value + factor * (0.51 - value)),
    }),
  }
}

test('two models in one test need names: the second would be measured against the first', async () => {
  const models = new Map<string, string>()
  const other = await thresholdModel('other.onnx')
  expect((await write(fools(3), { models })).passes).toBe(true)
  expect((await write(fools(3), { models })).passes).toBe(true)
  await expect(write(fools(3), { models, subject: other })).rejects.toThrow(
    /^The baseline "resists" is that of .+ already; other\.onnx \([0-9a-f]{8}\) needs one of its own: give each of the checks a \{ name \}\.$/,
  )
  expect((await write(fools(3), { models, subject: other, options: { name: 'other' } })).passes).toBe(true)
})

describe('writing', () => {
  test('a missing baseline is written, and the check passes', async () => {
    const { passes, evidence } = await write(fools(3))
    expect(passes).toBe(true)
    expect(evidence).toMatchObject({
      kind: 'baseline',
      verdict: 'kept',
      baseline: { file: '__robustness__/a.test.ts/resists.json', state: 'written' },
      finding: { eligible: 20, cleanAccuracy: 1 },
    })
    expect(
      stored()
        .replace(/"[0-9a-f]{64}"/g, '"<sha256>"')
        .replace(/"unfooled": ".*"/, '"unfooled": "<version>"'),
    ).toMatchInlineSnapshot(`
      "{
        "schemaVersion": 2,
        "unfooled": "<version>",
        "check": "resists",
        "model": {
          "name": "threshold.onnx",
          "sha256": "<sha256>"
        },
        "samples": {
          "count": 20,
          "sha256": "<sha256>",
          "labels": "<sha256>"
        },
        "domain": "0 to 1",
        "device": "cpu",
        "method": {
          "name": "stub",
          "kind": "fixed-epsilon",
          "norm": "linf",
          "settings": {
            "norm": "linf",
            "steps": 40,
            "stepSize": 0.01
          },
          "epsilon": 0.6
        },
        "seed": 20261120,
        "summary": {
          "eligible": 20,
          "withstood": 17
        },
        "outcomes": {
          "0": "FFF................."
        },
        "checksum": "<sha256>"
      }
      "
    `)
  })

  test('distances and radii are numbers', async () => {
    const labels = Int32Array.from({ length: 20 }, (_, sample) => Number(sample === 2))
    await write(minimal(1.001), { options: { samples: { ...samples, labels } } })
    expect(JSON.parse(stored())).toMatchObject({
      outcomes: { 0: expect.stringMatching(/^0\.5105 0\.5005 x 0\.4805 /) },
    })
    rmSync(join(folder, '__robustness__'), { recursive: true })
    await write(exactBound())
    expect(JSON.parse(stored()).seed).toBeUndefined()
    expect(Object.keys(JSON.parse(stored()).outcomes)).toEqual(['0', '10'])
  })

  test.each([
    ['with --ci', { update: 'none' }, '--ci'],
    ['in the negated form', { update: 'all', isNot: true }, 'the negated form writes none'],
  ] as const)('none is written %s', async (_, circumstances, why) => {
    const { passes, text } = await assertBaseline(fools(3), circumstances)
    expect(passes).toBe(false)
    expect(text).toContain(why)
    expect(readdirSync(folder)).toEqual([])
  })

  test('one that nothing could fall short of is not written', async () => {
    const { passes, text } = await write(fools(14))
    expect(passes).toBe(false)
    expect(text).toMatchInlineSnapshot(`
      "expect(model).toMatchRobustnessBaseline(stub)

      Inconclusive for threshold.onnx, so neither the assertion nor its opposite can pass.
      Only 6 of 20 samples withstood: if none of them did any more, that would be no regression at 99 % confidence; at least 7 are needed. Take more samples, or a smaller ε.

      Replay with { seed: 20261120 }."
    `)
    expect(readdirSync(folder)).toEqual([])
    expect((await write(fools(13))).passes).toBe(true)
  })

  test('nor is one of an attack that was interrupted, or of nothing eligible', async () => {
    const wrong = { samples: { ...samples, labels: new Int32Array(20).fill(1) } }
    expect((await write(fools(0, { interrupted: true }))).text).toContain('The time was up')
    expect((await write(fools(0), { options: wrong })).text).toContain('None of the 20 samples is classified correctly')
    expect(readdirSync(folder)).toEqual([])
  })
})

describe('comparing', () => {
  test('fewer samples for the worse than chance makes are no regression', async () => {
    await write(fools(3))
    for (const count of [0, 3, 9]) expect((await assertBaseline(fools(count))).passes).toBe(true)
    const { passes, text } = await assertBaseline(fools(9), { isNot: true })
    expect(passes).toBe(false)
    expect(text).toMatchInlineSnapshot(`
      "expect(model).not.toMatchRobustnessBaseline(stub)

      threshold.onnx is no weaker than its baseline: 6 samples withstand less than before, 0 more (exact McNemar test, p = 0.01563).
      Expected: a regression at 99 % confidence.
      Attack: stub (linf, ε 0.6, steps 40, stepSize 0.01)
      Baseline: __robustness__/a.test.ts/resists.json, recorded of the same model by unfooled 0.1.0

      Replay with { seed: 20261120 }."
    `)
  })

  test('more are', async () => {
    await write(fools(3))
    const { passes, text, evidence } = await assertBaseline(fools(10))
    expect(passes).toBe(false)
    expect(text).toMatchInlineSnapshot(`
      "expect(model).toMatchRobustnessBaseline(stub)

      threshold.onnx is weaker than its baseline: 7 samples withstand less than before, 0 more (exact McNemar test, p = 0.007813).
      Accepted: what chance makes of the same model, at 99 % confidence.
      Attack: stub (linf, ε 0.6, steps 40, stepSize 0.01)
      Baseline: __robustness__/a.test.ts/resists.json, recorded of the same model by unfooled 0.1.0
      Weaker than before:
        sample 3: fooled, before withstood
        sample 4: fooled, before withstood
        sample 5: fooled, before withstood
        sample 6: fooled, before withstood
        sample 7: fooled, before withstood
        and 2 more

      If this is intended, run with -u, and have the change of the baseline reviewed.
      Replay with { seed: 20261120 }."
    `)
    expect(evidence.verdict).toBe('regressed')
    expect((await assertBaseline(fools(10), { isNot: true })).passes).toBe(true)
  })

  test('samples that are misclassified now count as weaker', async () => {
    await write(fools(0))
    const shifted = await loadModel(denseModel({ weights: [[-1], [1]], bias: [0.1, -0.1] }), {
      domain: [0, 1],
      name: 'threshold.onnx',
    })
    const { passes, text } = await assertBaseline(fools(0), { subject: shifted })
    expect(passes).toBe(false)
    expect(text).toContain('recorded of another version of the model')
    expect(text).toContain('sample 11: misclassified, before withstood')
  })

  test('distances and radii, up to differences of 5 %', async () => {
    await write(minimal(1))
    expect((await assertBaseline(minimal(0.999))).passes).toBe(true)
    await write(exactBound(), { options: { name: 'bound' } })
    expect((await assertBaseline(exactBound(0.96), { options: { name: 'bound' } })).passes).toBe(true)
    const { passes, text } = await assertBaseline(exactBound(0.9), { options: { name: 'bound' } })
    expect(passes).toBe(false)
    expect(text).toMatchInlineSnapshot(`
      "expect(model).toMatchRobustnessBaseline(exact)

      threshold.onnx is weaker than its baseline: 20 samples withstand less than before, 0 more (exact McNemar test, p = 9.537e-7).
      Accepted: what chance makes of the same model, at 99 % confidence.
      Bound: exact (linf, rounding covered)
      Baseline: __robustness__/a.test.ts/bound.json, recorded of the same model by unfooled 0.1.0
      Weaker than before:
        sample 0: certified radius 0.45, before certified radius 0.4993
        sample 1: certified radius 0.441, before certified radius 0.4893
        sample 2: certified radius 0.4315, before certified radius 0.4793
        sample 3: certified radius 0.4225, before certified radius 0.4693
        sample 4: certified radius 0.4135, before certified radius 0.4593
        and 15 more

      If this is intended, run with -u, and have the change of the baseline reviewed."
    `)
  })

  test('an interrupted attack has decided only when it has regressed, a bound only when it has not', async () => {
    await write(fools(3))
    const kept = await assertBaseline(fools(3, { interrupted: true }))
    expect(kept.evidence.verdict).toBe('inconclusive')
    expect(kept.text).toContain('may change the comparison')
    expect((await assertBaseline(fools(12, { interrupted: true }))).evidence.verdict).toBe('regressed')
  })

  test('samples drawn anew are compared by intervals', async () => {
    const options = { resampled: true, samples: samplesBelow(40) }
    await write(fools(2), { options })
    const others = { inputs: { data: Float32Array.from({ length: 40 }, (_, i) => i / 90), shape: [40, 1] } }
    const drawn = { resampled: true, samples: { ...others, labels: new Int32Array(40) } }
    expect((await assertBaseline(fools(12), { options: drawn })).passes).toBe(true)
    const { passes, text } = await assertBaseline(fools(25), { options: drawn })
    expect(passes).toBe(false)
    expect(text).toMatchInlineSnapshot(`
      "expect(model).toMatchRobustnessBaseline(stub)

      threshold.onnx is weaker than its baseline: 37.5 % (interval 19.1 % to 59 %) of the samples withstand, before 95 % (interval 78.8 % to 99.7 %) of others.
      Accepted: what chance makes of the same model, at 99 % confidence.
      Attack: stub (linf, ε 0.6, steps 40, stepSize 0.01)
      Baseline: __robustness__/a.test.ts/resists.json, recorded of the same model by unfooled 0.1.0

      If this is intended, run with -u, and have the change of the baseline reviewed.
      Replay with { seed: 20261120 }."
    `)
  })
})

describe('a baseline that is refused', () => {
  const others: Record<string, [Attack | Bound, object?]> = {
    'another attack': [{ ...fools(3), name: 'other' }],
    'another norm': [{ ...fools(3), norm: 'l2' }],
    'another epsilon': [{ ...fools(3), epsilon: 0.7 }],
    'other steps': [{ ...fools(3), settings: { norm: 'linf', steps: 4, stepSize: 0.01 } }],
    'other samples': [fools(3), { samples: samplesBelow(21) }],
    'other labels': [fools(3), { samples: { inputs: samples.inputs } }],
    'a bound': [exactBound()],
  }

  test.each(Object.keys(others))('of %s', async (name) => {
    await write(fools(3))
    const before = stored()
    const [method, options] = others[name]
    for (const isNot of [false, true]) {
      const { passes, text } = await assertBaseline(method, { options, isNot, update: 'new' })
      expect(passes).toBe(false)
      expect(text).toContain('is of another setting')
    }
    expect(stored()).toBe(before)
  })

  test('says what differs', async () => {
    await write(fools(3))
    expect((await assertBaseline({ ...fools(3), epsilon: 0.7 })).text).toMatchInlineSnapshot(`
      "expect(model).toMatchRobustnessBaseline(stub)

      Inconclusive for threshold.onnx, so neither the assertion nor its opposite can pass.
      The baseline __robustness__/a.test.ts/resists.json is of another setting: epsilon 0.6 instead of 0.7. It was not compared. Run with -u to replace it, or give this check another name.

      Replay with { seed: 20261120 }."
    `)
  })

  test.each([
    ['no JSON', 'oops'],
    ['no object', '7'],
    ['of another version', '{ "schemaVersion": 9 }'],
    ['empty', '{ "schemaVersion": 2 }'],
    ['in conflict', '<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> main\n'],
  ])('because it is %s', async (_, text) => {
    await write(fools(3))
    writeFileSync(join(folder, '__robustness__/a.test.ts/resists.json'), text)
    const result = await assertBaseline(fools(3))
    expect(result.passes).toBe(false)
    expect(result.text).toContain('cannot be compared: The baseline ')
  })

  test('because it was edited', async () => {
    await write(fools(3))
    const before = stored()
    for (const [part, edit] of [
      ['FFF.', 'FFFF'],
      ['FFF.', 'FF.'],
      ['FFF', '???'],
      // As many as before, but others.
      ['FFF...', '...FFF'],
      ['"epsilon": 0.6', '"epsilon": 0.5'],
      ['"steps": 40', '"steps": 4'],
      ['"eligible": 20', '"eligible": 19'],
    ]) {
      expect(before).toContain(part)
      writeFileSync(join(folder, '__robustness__/a.test.ts/resists.json'), before.replace(part, edit))
      const { passes, text } = await assertBaseline(fools(3))
      expect(passes).toBe(false)
      expect(text).toContain(
        'does not have its checksum: it was edited, or merged from several. It was not compared. Run',
      )
    }
  })

  test('but not for how its lines end or are indented', async () => {
    await write(fools(3))
    for (const text of [stored().replaceAll('\n', '\r\n'), JSON.stringify(JSON.parse(stored()))]) {
      writeFileSync(join(folder, '__robustness__/a.test.ts/resists.json'), text)
      expect((await assertBaseline(fools(3))).evidence.baseline.state).toBe('compared')
    }
  })

  test('whatever the names of settings are', async () => {
    const named = (settings: Attack['settings']) => ({ ...fools(3), settings })
    await write(named({ domain: 'intersect', stepSize: Number.POSITIVE_INFINITY }))
    const same = await assertBaseline(named({ domain: 'intersect', stepSize: Number.POSITIVE_INFINITY }))
    expect(same.passes).toBe(true)
    const other = await assertBaseline(named({ domain: 'ignore', stepSize: Number.NaN }))
    expect(other.passes).toBe(false)
    expect(other.text).toContain('domain intersect instead of ignore; stepSize {"$number":"Infinity"} instead of')
  })

  test('where there are too few samples for any of them to be a loss', async () => {
    await write(fools(0), { options: { resampled: true } })
    const { passes, text } = await assertBaseline(fools(3), { options: { samples: samplesBelow(3), resampled: true } })
    expect(passes).toBe(false)
    expect(text).toContain('20 of 20 samples withstood: if none of the 3 of this run did any more')
  })

  test('is left alone where the attack could not run', async () => {
    await write(fools(3))
    const before = stored()
    const outside = { inputs: { data: new Float32Array(20).fill(2), shape: [20, 1] }, labels: samples.labels }
    const result = await update(fools(3), { options: { samples: outside } })
    expect(result.passes).toBe(false)
    expect(stored()).toBe(before)
  })
})

describe('updating', () => {
  test('says where a baseline cannot be written, and leaves nothing half done', async () => {
    const place = join(folder, '__robustness__/a.test.ts')
    mkdirSync(join(place, 'resists.json'), { recursive: true })
    await expect(update(fools(3))).rejects.toThrow(
      /The baseline __robustness__\/a\.test\.ts\/resists\.json cannot be written: .* write access/,
    )
    expect(readdirSync(place)).toEqual(['resists.json'])
  })

  test('what passes with the same model stays as it is', async () => {
    await write(fools(3))
    const before = stored()
    expect((await update(fools(4))).evidence.baseline.state).toBe('compared')
    expect(stored()).toBe(before)
  })

  test('what is worse is accepted, and said to be', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    await write(fools(3))
    const { passes, evidence } = await update(fools(12))
    expect(passes).toBe(true)
    expect(evidence).toMatchObject({ verdict: 'kept', baseline: { state: 'updated' } })
    expect(warn.mock.calls).toEqual(evidence.warnings.map((warning) => [`unfooled: ${warning}`]))
    expect(evidence.warnings).toMatchInlineSnapshot(`
      [
        "The update of the baseline accepts a weaker model: 9 samples withstand less than before, 0 more (exact McNemar test, p = 0.001953). Review the change of __robustness__/a.test.ts/resists.json.",
      ]
    `)
    expect((await assertBaseline(fools(12))).passes).toBe(true)
  })

  test('another setting replaces the old one, and says so', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    await write(fools(3))
    const { evidence } = await update({ ...fools(3), epsilon: 0.7 })
    expect(evidence.baseline.state).toBe('updated')
    expect(warn).toHaveBeenCalledOnce()
    expect(evidence.warnings).toMatchInlineSnapshot(`
      [
        "The baseline was replaced without a comparison: The baseline __robustness__/a.test.ts/resists.json is of another setting: epsilon 0.6 instead of 0.7. Review the change of __robustness__/a.test.ts/resists.json.",
      ]
    `)
  })

  test('never in the negated form', async () => {
    await write(fools(3))
    const before = stored()
    expect((await update(fools(12), { isNot: true })).passes).toBe(true)
    expect(stored()).toBe(before)
  })
})

describe('names', () => {
  test('tell the baselines of a file apart, and are no paths', async () => {
    await write(fools(0), { test: 'suite > resists PGD at 8/255' })
    await write(fools(1), { options: { name: '../../etc' } })
    await write(fools(2), { options: { name: '…' } })
    const names = readdirSync(join(folder, '__robustness__/a.test.ts')).sort()
    expect(names).toEqual(['baseline.json', 'etc.json', 'suite-resists-PGD-at-8-255.json'])
  })

  test('that make the same file name are refused', async () => {
    await write(fools(0), { test: 'a b' })
    expect((await assertBaseline(fools(0), { test: 'a-b' })).text).toContain('check a b instead of a-b')
  })

  test.each([
    ['no name', { test: undefined }, {}],
    ['no test file', { testFile: undefined }, {}],
    ['an empty name', {}, { name: '' }],
    ['a confidence of 99', {}, { confidence: 99 }],
  ] as const)('refuses %s', async (_, place, options) => {
    await expect(assertBaseline(fools(0), { ...place, options })).rejects.toThrowErrorMatchingSnapshot()
  })

  test('refuses resampled radii, and what is neither attack nor bound', async () => {
    await expect(assertBaseline(exactBound(), { options: { resampled: true } })).rejects.toThrow('resampled is for')
    await expect(assertBaseline(7 as never)).rejects.toThrow('Expected an attack')
  })
})
