import { afterAll, describe, expect, test } from 'vitest'
import { linear } from '../../../src/attacks/regression/linear.js'
import { linearPixel } from '../../../src/attacks/regression/linear-pixel.js'
import { quadratic } from '../../../src/attacks/regression/quadratic.js'
import { quadraticPixel } from '../../../src/attacks/regression/quadratic-pixel.js'
import { randomLp } from '../../../src/attacks/regression/random-lp.js'
import { randomPixel } from '../../../src/attacks/regression/random-pixel.js'
import type { RegressionAttack } from '../../../src/attacks/regression/regression-attack.js'
import { attackRegressor } from '../../../src/attacks/regression/run-regression-attack.js'
import { engine } from '../../../src/engine/engine.js'
import { ModelError, SampleError, SettingsError } from '../../../src/errors.js'
import type { AttackNorm } from '../../../src/geometry/norm.js'
import { loadRegressor } from '../../../src/model/load-regressor.js'
import type { Regressor } from '../../../src/model/regressor.js'
import { randomSource } from '../../../src/sampling/random.js'
import { seed } from '../../seed.js'
import { denseModel, operatorModel } from '../../tiny-models.js'
import { inputsFor, network } from './regressors.js'

afterAll(() => engine.close())

const random = randomSource(seed)
const epsilon = 0.25
const attacks: RegressionAttack[] = [
  ...(['l1', 'l1.5', 'l2', 'linf'] as const).map((norm) => linear({ norm, epsilon })),
  ...(['l1', 'l2', 'linf'] as const).map((norm) => quadratic({ norm, epsilon })),
  linearPixel({ epsilon }),
  linearPixel({ epsilon, steps: 4 }),
  quadraticPixel({ epsilon }),
  ...(['l1', 'l1.5', 'l2', 'linf'] as const).map((norm) => randomLp({ norm, epsilon })),
  randomPixel({ epsilon }),
  randomPixel({ epsilon, pixels: 4, repeats: 3 }),
]
const named = attacks.map(
  (attack) => [`${attack.name} in ${attack.norm} ${JSON.stringify(attack.settings)}`, attack] as const,
)
/** Proposes what it is told to. */
function proposes(adversarial: Float32Array, norm: AttackNorm = 'linf'): RegressionAttack {
  const run: RegressionAttack['run'] = async ({ epsilons }) => {
    const counts = new Int32Array(epsilons.length)
    return { adversarial, gradientQueries: counts, forwardQueries: counts, interrupted: false }
  }
  return { name: 'proposal', kind: 'regression', norm, epsilon, settings: {}, run }
}

describe.each(named)('%s', (_, method) => {
  const featureShape = [3, 2, 2]
  // The second pixel is frozen, and samples lie on the edge of the domain as well as inside.
  const domain = {
    lower: Array.from({ length: 12 }, (_, feature) => (feature % 4 === 1 ? 0.5 : 0)),
    upper: Array.from({ length: 12 }, (_, feature) => (feature % 4 === 1 ? 0.5 : 1)),
  }
  const inputs = inputsFor(random, 6, featureShape)
  inputs.data.forEach((value, index) => {
    inputs.data[index] = index % 4 === 1 ? 0.5 : value < 0.2 ? 0 : value > 0.8 ? 1 : value
  })
  const load = (batch?: number) => loadRegressor(network(randomSource(seed), featureShape, [2, 3], batch), { domain })

  test('stays in ball and domain to the last bit, and moves the output of every sample', async () => {
    const { samples } = await attackRegressor(await load(), method, { inputs, seed })
    samples.forEach(({ adversarial, distance, attacked }, sample) => {
      expect(distance[method.norm]).toBeLessThanOrEqual(epsilon)
      adversarial.forEach((value, feature) => {
        expect(value).toBeGreaterThanOrEqual(domain.lower[feature])
        expect(value).toBeLessThanOrEqual(domain.upper[feature])
      })
      expect(inputs.data.subarray(12 * sample, 12 * sample + 12)).not.toBe(adversarial)
      if (!method.name.startsWith('random')) expect(attacked.mse).toBeGreaterThan(0)
    })
  })

  test('gives the same with the same seed, and with models that take one sample at a time', async () => {
    const runs = [await load(), await load(), await load(1)].map((model) =>
      attackRegressor(model, method, { inputs, seed }),
    )
    const [first, again, single] = await Promise.all(runs)
    expect(again.samples).toEqual(first.samples)
    single.samples.forEach(({ attacked }, sample) =>
      expect(attacked.l2).toBeCloseTo(first.samples[sample].attacked.l2, 4),
    )
  })

  test('takes an epsilon per sample', async () => {
    const epsilons = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32]
    const { samples } = await attackRegressor(await load(), { ...method, epsilon: epsilons }, { inputs, seed })
    samples.forEach(({ distance }, sample) => expect(distance[method.norm]).toBeLessThanOrEqual(epsilons[sample]))
  })

  test('stops with what it has when the budget ends', async () => {
    const result = await attackRegressor(await load(), method, { inputs, seed, budget: 0 })
    expect(result.interrupted).toBe(true)
    expect(result.warnings.join()).toContain('time budget')
    for (const { distance } of result.samples) expect(distance[method.norm]).toBeLessThanOrEqual(epsilon)
  })

  test('reports progress up to 1, and runs on no samples', async () => {
    const seen: number[] = []
    const model = await load()
    await attackRegressor(model, method, { inputs, seed, onProgress: (fraction) => seen.push(fraction) })
    expect(seen.at(-1)).toBe(1)
    expect(seen).toEqual(seen.toSorted((left, right) => left - right))
    const none = await attackRegressor(model, method, {
      inputs: { data: new Float32Array(0), shape: [0, ...featureShape] },
    })
    expect(none.samples).toEqual([])
    expect(none.warnings).toEqual(['There are no samples, so nothing was tested.'])
  })
})

test.each([
  ['linf', linear({ epsilon }), randomLp({ epsilon, repeats: 10 })],
  ['linf', quadratic({ epsilon }), randomLp({ epsilon, repeats: 10 })],
  ['l2', linear({ norm: 'l2', epsilon }), randomLp({ norm: 'l2', epsilon, repeats: 10 })],
  ['l2', quadratic({ norm: 'l2', epsilon }), randomLp({ norm: 'l2', epsilon, repeats: 10 })],
  ['l1', linear({ norm: 'l1', epsilon }), randomLp({ norm: 'l1', epsilon, repeats: 10 })],
  ['l1', quadratic({ norm: 'l1', epsilon }), randomLp({ norm: 'l1', epsilon, repeats: 10 })],
  ['pixels', linearPixel({ epsilon, steps: 3 }), randomPixel({ epsilon, pixels: 3, repeats: 10 })],
  ['pixels', quadraticPixel({ epsilon }), randomPixel({ epsilon, repeats: 3 })],
])('%s: %o beats random perturbations', async (_, method, baseline) => {
  const model = await loadRegressor(network(random, [1, 6, 6], [8]), { domain: [0, 1] })
  const inputs = inputsFor(random, 40, [1, 6, 6])
  const [attacked, noisy] = await Promise.all(
    [method, baseline].map((attack) => attackRegressor(model, attack, { inputs, seed })),
  )
  const wins = attacked.samples.filter(({ attacked }, sample) => attacked.mse > noisy.samples[sample].attacked.mse)
  expect(wins.length).toBeGreaterThanOrEqual(30)
  expect(attacked.medianOutputPsnr).toBeLessThan(noisy.medianOutputPsnr - 0.5)
})

test('repeats keep the worst', async () => {
  const model = await loadRegressor(network(random, [8], [3]), { domain: [0, 1] })
  const inputs = inputsFor(random, 8, [8])
  const run = (repeats: number) => attackRegressor(model, randomLp({ epsilon, repeats }), { inputs, seed })
  expect((await run(20)).medianOutputPsnr).toBeLessThan((await run(1)).medianOutputPsnr)
  expect((await run(20)).forwardQueries).toBe(160)
})

describe('the result', () => {
  const inputs = { data: Float32Array.of(0.25, 0.5, 0.5, 0.5), shape: [2, 2] }
  const twice = denseModel({
    weights: [
      [2, 0],
      [0, 2],
    ],
  })
  const load = () => loadRegressor(twice, { domain: [0, 1], outputRange: [0, 2] })

  test('has errors, PSNR and distances of a fresh run', async () => {
    const adversarial = Float32Array.of(0.25, 0.75, 0.5, 0.5)
    const result = await attackRegressor(await load(), proposes(adversarial), { inputs })
    const [moved, still] = result.samples
    expect(moved.clean).toEqual({ mse: 0, l2: 0, psnr: Number.POSITIVE_INFINITY })
    // The second output moves by a half: mse 1/8. Its peak is 2, that of the input 1.
    expect(moved.attacked).toEqual({ mse: 0.125, l2: 0.5, psnr: 10 * Math.log10(32) })
    expect(moved.inputPsnr).toBeCloseTo(10 * Math.log10(32), 10)
    expect(moved.distance).toMatchObject({ linf: 0.25, l0: 1 })
    expect(still.attacked.psnr).toBe(Number.POSITIVE_INFINITY)
    expect(result.medianOutputPsnr).toBe(Number.POSITIVE_INFINITY)
    expect(result.warnings.join()).toContain('did not raise the error of 1 of 2 samples')
  })

  test('compares with the targets given', async () => {
    const targets = { data: Float32Array.of(0.5, 0, 1, 1), shape: [2, 2] }
    const result = await attackRegressor(await load(), proposes(Float32Array.of(0.25, 0.75, 0.5, 0.5)), {
      inputs,
      targets,
    })
    expect(result.samples.map(({ clean, attacked }) => [clean.mse, attacked.mse])).toEqual([
      [0.5, 1.125],
      [0, 0],
    ])
  })

  test('has what an attack proposes only after it was moved into ball and domain', async () => {
    const result = await attackRegressor(await load(), proposes(Float32Array.of(-5, 5, 9, -9)), { inputs })
    expect(result.samples.map(({ adversarial }) => Array.from(adversarial))).toEqual([
      [0, 0.75],
      [0.75, 0.25],
    ])
  })

  test('does not depend on what an attack does to its inputs, radii and targets', async () => {
    const own = { data: inputs.data.slice(), shape: inputs.shape }
    const targets = { data: Float32Array.of(1, 2, 3, 4), shape: [2, 2] }
    const adversarial = Float32Array.of(-5, 5, 9, -9)
    const careless: RegressionAttack = {
      ...proposes(adversarial),
      async run(context) {
        context.inputs.data.set([1, 1, 1, 1])
        context.epsilons.fill(1)
        context.targets.fill(0)
        return proposes(adversarial).run(context)
      },
    }
    const model = await load()
    const { samples } = await attackRegressor(model, careless, { inputs: own, targets, seed })
    expect(samples).toEqual((await attackRegressor(model, proposes(adversarial), { inputs, targets, seed })).samples)
    expect(own.data).toEqual(inputs.data)
    expect(Array.from(targets.data)).toEqual([1, 2, 3, 4])
  })

  test('warns of targets that belong to other samples', async () => {
    const targets = { data: Float32Array.of(9, 9, -9, -9), shape: [2, 2] }
    const { warnings } = await attackRegressor(await load(), linear({ epsilon }), {
      inputs,
      targets: { ...targets, data: Float32Array.of(-9, -9, 9.5, 9.5) },
    })
    expect(warnings).toEqual([])
    const shuffled = await attackRegressor(await load(), linear({ epsilon }), {
      inputs: { data: Float32Array.of(0, 0, 1, 1), shape: [2, 2] },
      targets: { data: Float32Array.of(2, 2, 0, 0), shape: [2, 2] },
    })
    expect(shuffled.warnings.join()).toContain('further from the targets than the mean of all targets')
  })
})

describe('refuses', () => {
  let model: Regressor
  const inputs = { data: Float32Array.of(0.5, 0.5), shape: [1, 2] }
  const load = async () => {
    model ??= await loadRegressor(denseModel({ weights: [[1, 1]] }), { domain: [0, 1] })
    return model
  }

  test.each([
    ['as many targets as there are not', { data: Float32Array.of(1, 1), shape: [2, 1] }],
    ['targets of another shape', { data: Float32Array.of(1), shape: [1] }],
    ['targets with too few numbers', { data: new Float32Array(0), shape: [1, 1] }],
    ['targets that are NaN', { data: Float32Array.of(Number.NaN), shape: [1, 1] }],
    ['targets that are an array', [1] as never],
  ])('%s', async (_, targets) => {
    await expect(attackRegressor(await load(), linear({ epsilon }), { inputs, targets })).rejects.toThrow(SampleError)
  })

  test('inputs outside the domain, and as many epsilons as there are not', async () => {
    const outside = { data: Float32Array.of(2, 0.5), shape: [1, 2] }
    await expect(attackRegressor(await load(), linear({ epsilon }), { inputs: outside })).rejects.toThrow(SampleError)
    await expect(attackRegressor(await load(), linear({ epsilon: [0.1, 0.2] }), { inputs })).rejects.toThrow(
      SettingsError,
    )
  })

  test('candidates that are not finite, and outputs that overflow', async () => {
    await expect(attackRegressor(await load(), proposes(Float32Array.of(Number.NaN, 0)), { inputs })).rejects.toThrow(
      ModelError,
    )
    const steep = await loadRegressor(operatorModel([1], 'Exp'), { domain: [0, 200], outputRange: [0, 1] })
    const edge = { data: Float32Array.of(88), shape: [1, 1] }
    await expect(attackRegressor(steep, randomLp({ epsilon: 20, repeats: 5 }), { inputs: edge, seed })).rejects.toThrow(
      ModelError,
    )
  })

  test.each<[string, RegressionAttack]>([
    ['linear', linear({ epsilon, dither: 0 })],
    ['linearPixel', linearPixel({ epsilon, dither: 0 })],
    ['quadraticPixel', quadraticPixel({ epsilon })],
    ['quadratic in l1', quadratic({ norm: 'l1', epsilon })],
    ['quadratic in l2', quadratic({ norm: 'l2', epsilon })],
    ['quadratic in linf', quadratic({ norm: 'linf', epsilon })],
  ])('derivatives that are not finite, of which %s could make nothing', async (_, method) => {
    // A slope of 1e80 at zero; outputs are finite everywhere.
    const factor = { weights: [[1e20]] }
    const steep = denseModel(factor, factor, factor, { ...factor, activation: 'Tanh' })
    const broken = await loadRegressor(steep, { domain: [0, 1] })
    const inputs = { data: new Float32Array(1), shape: [1, 1] }
    const targets = { data: Float32Array.of(1), shape: [1, 1] }
    await expect(attackRegressor(broken, method, { inputs, targets, seed })).rejects.toThrow(
      /derivatives are NaN or infinite/,
    )
  })

  test.each([
    ['an epsilon of 0', () => linear({ epsilon: 0 })],
    ['a norm below 1', () => linear({ epsilon, norm: 'l0.5' })],
    ['l0', () => linear({ epsilon, norm: 'l0' })],
    ['no steps', () => linear({ epsilon, steps: 0 })],
    ['a dither above epsilon', () => linear({ epsilon, dither: 1.5 })],
    ['a dither of NaN', () => linearPixel({ epsilon, dither: Number.NaN })],
    ['half a step', () => linearPixel({ epsilon, steps: 0.5 })],
    ['a norm that has no quadratic form', () => quadratic({ epsilon, norm: 'l3' as never })],
    ['no iterations', () => quadratic({ epsilon, iterations: 0 })],
    ['no epsilon', () => quadraticPixel({} as never)],
    ['a NaN', () => randomLp({ epsilon: Number.NaN })],
    ['no pixels', () => randomPixel({ epsilon, pixels: 0 })],
  ])('%s', (_, make) => {
    expect(make).toThrow(SettingsError)
  })
})
