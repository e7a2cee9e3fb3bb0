import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { loadFixture } from '../../fixtures/index.js'
import { apgd } from '../../src/attacks/auto-attack/apgd.js'
import { fmn } from '../../src/attacks/minimal-distance/fmn.js'
import { fgsm } from '../../src/attacks/perturbation-analysis/fgsm.js'
import { pgd } from '../../src/attacks/perturbation-analysis/pgd.js'
import { linear } from '../../src/attacks/regression/linear.js'
import { randomLp } from '../../src/attacks/regression/random-lp.js'
import { hopSkipJump } from '../../src/attacks/without-gradients/hop-skip-jump.js'
import { square } from '../../src/attacks/without-gradients/square.js'
import { crown } from '../../src/bounds/crown.js'
import { decodeEvidence, encodeEvidence } from '../../src/checks/encoded-evidence.js'
import type { Evidence, RecordedCheck } from '../../src/checks/evidence.js'
import type { JsonSafe } from '../../src/checks/json-safe.js'
import { MergeError, mergeShards } from '../../src/merge/merge-shards.js'
import type { Classifier } from '../../src/model/classifier.js'
import { loadModel } from '../../src/model/load-model.js'
import { loadRegressor } from '../../src/model/load-regressor.js'
import type { Regressor } from '../../src/model/regressor.js'
import { firstSamples, type Samples } from '../../src/sampling/samples.js'
import { assertion, testFile } from '../matchers/baseline-project.js'
import { seed } from '../seed.js'

const shards = 16

let model: Classifier
let samples: Samples
let regressor: Regressor
let images: Samples
beforeAll(async () => {
  const { modelPath, domain, samples: all } = await loadFixture('digits_mlp')
  model = await loadModel(modelPath, { domain })
  // Not a multiple of the shards.
  samples = firstSamples(all, 100)
  const autoencoder = await loadFixture('mnist_autoencoder')
  regressor = await loadRegressor(autoencoder.modelPath, { domain: autoencoder.domain })
  images = firstSamples(autoencoder.samples, 20)
})
afterEach(() => vi.unstubAllEnvs())

type Assert = Parameters<typeof assertion>[2]

/** Radii that differ between samples. */
const attack = (radii: number) =>
  fgsm({ epsilon: Float64Array.from({ length: 100 }, (_, index) => radii + index / 5000) })

const checks: Record<string, Assert> = {
  'toResistAttack, fooled': ({ toResistAttack }, context) =>
    toResistAttack.call(context, model, attack(0.05), { samples, maxFoolingRatio: 0.1, seed }),
  'toResistAttack, resists at a confidence': ({ toResistAttack }, context) =>
    toResistAttack.call(context, model, attack(0.01), { samples, maxFoolingRatio: 0.5, confidence: 0.99, seed }),
  'toResistAttack, random starts and restarts': ({ toResistAttack }, context) =>
    toResistAttack.call(context, model, pgd({ epsilon: 0.03, steps: 5, restarts: 3 }), { samples, seed }),
  'toResistAttack, APGD': ({ toResistAttack }, context) =>
    toResistAttack.call(context, model, apgd({ norm: 'l2', epsilon: 0.3, steps: 10, restarts: 2 }), { samples, seed }),
  'toResistAttack, random search': ({ toResistAttack }, context) =>
    toResistAttack.call(context, model, square({ epsilon: 0.05, queries: 50 }), { samples, seed }),
  'toResistAttack, closest': ({ toResistAttack }, context) =>
    toResistAttack.call(context, model, fmn({ norm: 'l2', steps: 20 }), { samples, seed }),
  'toResistAttack, closest, starting at other samples': ({ toResistAttack }, context) =>
    toResistAttack.call(context, model, hopSkipJump({ queries: 150 }), { samples, seed }),
  'toResistAttack of a regressor': ({ toResistAttack }, context) =>
    toResistAttack.call(context, regressor, linear({ epsilon: 0.1, steps: 3 }), {
      samples: images,
      // A loss that depends on the sample.
      loss: {
        name: 'first feature',
        value: ([output], sample) => output * (sample + 1),
        gradient: (output, sample) => output.map((_, feature) => (feature === 0 ? sample + 1 : 0)),
      },
      maxLoss: 0.5,
      seed,
    }),
  'toResistAttack of a regressor, PSNR': ({ toResistAttack }, context) =>
    toResistAttack.call(context, regressor, randomLp({ epsilon: 0.2 }), { samples: images, minOutputPsnr: 20, seed }),
  toHaveLowerBoundAbove: ({ toHaveLowerBoundAbove }, context) =>
    toHaveLowerBoundAbove.call(context, model, 0.01, {
      samples,
      norm: 'linf',
      bound: crown({ norm: 'linf' }),
      fraction: 0.9,
    }),
  toHaveValidLowerBounds: ({ toHaveValidLowerBounds }, context) =>
    toHaveValidLowerBounds.call(context, model, {
      samples,
      bound: crown({ norm: 'linf' }),
      attacks: [fgsm({ epsilon: 0.01 })],
      runs: 0,
      seed,
    }),
  toMatchRobustnessBaseline: ({ toMatchRobustnessBaseline }, context) =>
    toMatchRobustnessBaseline.call(context, model, attack(0.02), { samples, seed }),
}

async function run(check: Assert, file: string, shard?: string, isNot = false) {
  if (shard) vi.stubEnv('UNFOOLED_SHARD', shard)
  const place = { testFile: file, test: 'a test', update: 'new' } as const
  const { passes, evidence } = await assertion<Evidence>(place, isNot, check)
  vi.unstubAllEnvs()
  return { passes, record: { file: 'a.test.ts', test: 'a test', evidence } satisfies RecordedCheck }
}

async function runShards(check: Assert, file = testFile(), isNot = false): Promise<RecordedCheck[]> {
  const records: RecordedCheck[] = []
  for (let index = 1; index <= shards; index++) {
    const { passes, record } = await run(check, file, `${index}/${shards}`, isNot)
    expect(passes).toBe(true)
    // As it comes from another machine.
    const evidence = decodeEvidence(JSON.parse(JSON.stringify(encodeEvidence(record.evidence))) as JsonSafe)
    records.push({ ...record, evidence })
  }
  return records
}

/**
 * Without what depends on the clock, warnings, which count the samples of each shard, and how many gradients were taken, which
 * is rounded up to those of whole batches.
 */
const timeless = ({ evidence, ...record }: RecordedCheck) => ({
  ...record,
  evidence: encodeEvidence({
    ...evidence,
    ...(evidence.finding &&
      'gradientQueries' in evidence.finding && { finding: { ...evidence.finding, gradientQueries: 0 } }),
    milliseconds: 0,
    warnings: [],
  } as Evidence),
})

describe.each(Object.keys(checks))('%s', (name) => {
  test.each(name.includes(',') ? [false] : [false, true])(
    'merging 16 shards equals the unsharded run, sample for sample (negated: %s)',
    async (isNot) => {
      const file = testFile()
      if (name === 'toMatchRobustnessBaseline') await run(checks[name], file)
      const { passes, record } = await run(checks[name], file, undefined, isNot)
      const records = await runShards(checks[name], file, isNot)
      for (const { evidence } of records) {
        expect(evidence).toMatchObject({
          verdict: 'inconclusive',
          assertion: { passed: false },
          shard: { count: shards },
        })
      }
      const merged = mergeShards(records.toReversed())
      expect(merged.map(timeless)).toEqual([record].map(timeless))
      expect(merged[0].evidence.assertion).toEqual({ negated: isNot, passed: passes })
    },
  )
})

describe('merging', () => {
  let records: RecordedCheck[]
  beforeAll(async () => {
    records = await runShards(checks['toResistAttack, fooled'], 'a.test.ts')
  })

  test('keeps the order of the checks, and those without shards', async () => {
    const { record } = await run(checks['toResistAttack, fooled'], 'a.test.ts')
    const other = records.map((check) => ({ ...check, test: 'another test' }))
    const merged = mergeShards([record, ...other, ...records])
    expect(merged.map(({ test, evidence }) => [test, evidence.shard])).toEqual([
      ['a test', undefined],
      ['another test', undefined],
      ['a test', undefined],
    ])
    expect(merged[0]).toBe(record)
  })

  test('keeps the place of a check, and tells apart the projects that run the same file', () => {
    const place = { file: 'a.test.ts', test: 'a test', line: 3, command: 'npx vitest run a.test.ts' }
    const [one, two] = ['one', 'two'].map((project) => records.map((check) => ({ ...check, ...place, project })))
    expect(mergeShards([...one, ...two])).toMatchObject([
      { ...place, project: 'one' },
      { ...place, project: 'two' },
    ])
    expect(() => mergeShards([...one, ...two.slice(1)])).toThrow(
      '|two| a.test.ts > a test (fgsm): shard 1/16 is missing',
    )
  })

  test('refuses gaps', () => {
    expect(() => mergeShards(records.toSpliced(4, 1))).toThrow(
      new MergeError('a.test.ts > a test (fgsm): shard 5/16 is missing.'),
    )
  })

  test('refuses overlaps', () => {
    expect(() => mergeShards([...records, records[2]])).toThrow('shard 3/16 is there 2 times')
    expect(() => mergeShards([...records, ...records])).toThrow('shard 1/16 is there 2 times')
  })

  test('refuses shards of other samples, another model, another split or another seed', () => {
    const changed = (changes: object) =>
      records.with(7, { ...records[7], evidence: { ...records[7].evidence, ...changes } as Evidence })
    const { model, shard, samples } = records[7].evidence
    for (const changes of [
      { model: { ...model, sha256: '0' } },
      { shard: { ...shard, of: { ...shard!.of, sha256: '0' } } },
      { shard: { ...shard, count: 17 } },
      { seed: seed + 1 },
      { maxFoolingRatio: 0.2 },
    ]) {
      expect(() => mergeShards(changed(changes))).toThrow('is missing')
    }
    expect(() => mergeShards(changed({ samples: { ...samples, count: 5 } }))).toThrow(
      'has 5 samples in place of the 6 of 100',
    )
  })

  test('a shard that could not run leaves the check inconclusive', () => {
    const failed = { ...records[3].evidence, finding: undefined, reason: 'No gradient rule.' } as Evidence
    const [{ evidence }] = mergeShards(records.with(3, { ...records[3], evidence: failed }))
    expect(evidence).toMatchObject({
      verdict: 'inconclusive',
      reason: 'Shard 4/16: No gradient rule.',
      assertion: { passed: false },
    })
    expect(evidence.shard).toBeUndefined()
  })
})

describe('a shard', () => {
  test('that cannot decide for want of a result fails its test', async () => {
    const broken = { ...attack(0.05), epsilon: 0.05, run: () => Promise.reject(new MergeError('no')) }
    const { passes, record } = await run(
      ({ toResistAttack }, context) => toResistAttack.call(context, model, broken, { samples, seed }),
      'a.test.ts',
      '1/2',
    )
    expect(passes).toBe(false)
    expect(record.evidence).toMatchObject({ verdict: 'inconclusive', reason: 'no', shard: { index: 1 } })
  })

  test('without any sample has done its part', async () => {
    const few = firstSamples(samples, 2)
    const { passes, record } = await run(
      ({ toResistAttack }, context) =>
        toResistAttack.call(context, model, fgsm({ epsilon: 0.1 }), { samples: few, seed }),
      'a.test.ts',
      '3/3',
    )
    expect([passes, record.evidence.samples.count]).toEqual([true, 0])
  })

  test('has the same seed as the others', async () => {
    const seeds = []
    for (const shard of ['1/2', '2/2']) {
      const check: Assert = ({ toResistAttack }, context) =>
        toResistAttack.call(context, model, fgsm({ epsilon: 0.1 }), { samples })
      seeds.push(((await run(check, 'a.test.ts', shard)).record.evidence as { seed: number }).seed)
    }
    expect(seeds[0]).toBe(seeds[1])
  })

  test('compares with no baseline that is missing, and writes none', async () => {
    const { passes, record } = await run(checks.toMatchRobustnessBaseline, testFile(), '1/2')
    expect(passes).toBe(false)
    expect(record.evidence.reason).toContain('a shard writes none')
  })

  test.each(['0/2', '3/2', '1', '1/0', 'a/b', '1/2/3'])('is not %s', async (shard) => {
    await expect(run(checks.toHaveLowerBoundAbove, 'a.test.ts', shard)).rejects.toThrow('UNFOOLED_SHARD')
    vi.unstubAllEnvs()
  })
})
