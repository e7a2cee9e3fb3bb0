import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { loadFixture } from '../../fixtures/index.js'
import { pgd } from '../../src/attacks/perturbation-analysis/pgd.js'
import type { BaselineEvidence } from '../../src/checks/evidence.js'
import { decodeModel } from '../../src/graph/decode.js'
import { encodeModel } from '../../src/graph/encode.js'
import { comparePaired, compareUnpaired, isRegression } from '../../src/measures/compare-outcomes.js'
import type { Classifier } from '../../src/model/classifier.js'
import { loadModel } from '../../src/model/load-model.js'
import { type RandomSource, randomSource } from '../../src/sampling/random.js'
import type { Samples } from '../../src/sampling/samples.js'
import { assertion, testFile } from '../matchers/baseline-project.js'
import { seed } from '../seed.js'

const confidence = 0.99

/** How likely an attack with a new seed is to fool each sample: most always or never, one in ten by chance. */
function population(count: number, random: RandomSource): Float64Array {
  return Float64Array.from({ length: count }, () => {
    const kind = random.uniform()
    if (kind < 0.6) return 0
    return kind < 0.7 ? random.uniform() : 1
  })
}

/** One of twenty samples that withstood is fooled by every seed: 5 points weaker, of those that withstand. */
function weakened(chances: Float64Array): Float64Array {
  const standing = Array.from(chances.keys()).filter((sample) => chances[sample] === 0)
  const fallen = new Set(standing.slice(0, Math.ceil(0.05 * chances.length)))
  return chances.map((chance, sample) => (fallen.has(sample) ? 1 : chance))
}

function attackOnce(chances: Float64Array, random: RandomSource): Float64Array {
  return chances.map((chance) => Number(random.uniform() >= chance))
}

/** The share of 1000 simulated pull requests that are blocked. */
function blocked(
  change: (chances: Float64Array) => Float64Array,
  compare: (before: Float64Array, now: Float64Array) => boolean,
  count = 1000,
): number {
  const random = randomSource(seed)
  let regressions = 0
  for (let run = 0; run < 1000; run++) {
    const chances = population(count, random)
    const before = attackOnce(chances, random)
    if (compare(before, attackOnce(change(chances), random))) regressions++
  }
  return regressions / 1000
}

describe('simulated outcomes', () => {
  const paired = (before: Float64Array, now: Float64Array) => isRegression(comparePaired(before, now), confidence)
  const unpaired = (before: Float64Array, now: Float64Array) =>
    isRegression(compareUnpaired(before, now, confidence), confidence)

  test('another seed is blocked in at most 1 % of the runs', () => {
    expect(blocked((chances) => chances, paired)).toBeLessThanOrEqual(0.01)
    expect(blocked((chances) => chances, paired, 100)).toBeLessThanOrEqual(0.01)
  })

  test('5 points weaker is missed in at most 1 % of the runs', () => {
    expect(1 - blocked(weakened, paired)).toBeLessThanOrEqual(0.01)
  })

  test('with other samples, intervals do not flip either, but miss what pairs show', () => {
    const redrawn = (chances: Float64Array) => population(chances.length, randomSource(chances.length))
    expect(blocked(redrawn, unpaired)).toBeLessThanOrEqual(0.01)
    expect(blocked(weakened, unpaired)).toBeLessThan(0.5)
    expect(blocked((chances) => chances.map((chance) => Math.max(chance, 0.3)), unpaired)).toBeGreaterThan(0.99)
  })
})

describe('a model that was made weaker', () => {
  const runs = 20
  let samples: Samples
  let models: { readonly original: Classifier; readonly weaker: Classifier }
  beforeAll(async () => {
    const { modelPath, domain, samples: all } = await loadFixture('digits_mlp')
    samples = all
    const graph = decodeModel(readFileSync(modelPath), () => {
      throw new Error('The fixture is one file.')
    })
    const original = await loadModel(modelPath, { domain })
    const random = randomSource(1)
    for (const { type, data } of graph.constants.values()) {
      if (type === 'float32') data.forEach((_, index) => ((data as Float32Array)[index] += 0.06 * random.normal()))
    }
    models = { original, weaker: await loadModel(encodeModel(graph), { domain }) }
  })

  const attack = pgd({ epsilon: 0.03, steps: 10 })
  async function check(model: Classifier, file: string, run: number, update: 'new' | 'none') {
    const place = { testFile: file, test: 'digits', update } as const
    return assertion<BaselineEvidence>(place, false, ({ toMatchRobustnessBaseline }, context) =>
      toMatchRobustnessBaseline.call(context, model, attack, { samples, seed: run }),
    )
  }
  const standing = ({ finding }: BaselineEvidence) => finding!.perSample.withstood.filter((value) => value > 0).length

  test('by at least 5 points is blocked, and another seed of the same model is not', async () => {
    const file = testFile()
    const stored = await check(models.original, file, seed, 'new')
    expect(stored.evidence.baseline.state).toBe('written')
    let [alarms, misses] = [0, 0]
    for (let run = 1; run <= runs; run++) {
      const same = await check(models.original, file, run, 'none')
      const weaker = await check(models.weaker, file, run, 'none')
      expect(standing(stored.evidence) - standing(weaker.evidence)).toBeGreaterThanOrEqual(
        0.05 * samples.inputs.shape[0],
      )
      if (!same.passes) alarms++
      if (weaker.passes) misses++
    }
    expect([alarms, misses]).toEqual([0, 0])
  })
})
