import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { afterAll, describe, expect, test } from 'vitest'
import { deepFool } from '../../src/attacks/perturbation-analysis/deep-fool.js'
import { pgd } from '../../src/attacks/perturbation-analysis/pgd.js'
import { linear } from '../../src/attacks/regression/linear.js'
import { attackRegressor } from '../../src/attacks/regression/run-regression-attack.js'
import { attack } from '../../src/attacks/run-attack.js'
import { crown } from '../../src/bounds/crown.js'
import { bound, marginBounds } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import { elementCount } from '../../src/graph/graph.js'
import type { Classifier } from '../../src/model/classifier.js'
import { loadModel } from '../../src/model/load-model.js'
import { loadRegressor } from '../../src/model/load-regressor.js'
import { predictClasses } from '../../src/model/predict-classes.js'
import type { Regressor } from '../../src/model/regressor.js'
import { randomSource } from '../../src/sampling/random.js'
import type { Inputs } from '../../src/sampling/samples.js'
import { verifyProperty } from '../../src/verification/verify-property.js'
import type { Property } from '../../src/vnnlib/property.js'
import { randomInputs, sampledMargins } from '../bounds/sampling.js'
import { seed } from '../seed.js'
import { directionalDerivative } from './finite-differences.js'

afterAll(() => engine.close())

const folder = fileURLToPath(new URL('models/', import.meta.url))
const path = (name: string) => `${folder}${name}.onnx`

/** Every classifier, and the operator that CROWN refuses in it. */
const classifiers: Record<string, { readonly refused?: string }> = {
  resnet: {},
  vgg: {},
  densenet: {},
  inception: {},
  mobilenet_v2: {},
  mobilenet_v3: {},
  efficientnet: {},
  convnext: {},
  norms: {},
  vit: {},
  text_transformer: {},
  text_transformer_einsum: {},
  lstm: { refused: 'LSTM' },
  gru: { refused: 'GRU' },
  rnn: { refused: 'RNN' },
  unrolled_cells: {},
  vit_fixed_batch: {},
  lstm_fixed_batch: { refused: 'LSTM' },
  quantised: { refused: 'QuantizeLinear' },
}
const regressors = ['unet', 'yolo']

test('every exported model is tested', () => {
  const names = [...Object.keys(classifiers), ...regressors].map((name) => `${name}.onnx`)
  expect(readdirSync(folder).sort()).toEqual(names.sort())
})

/** Sample by sample, as some files have a batch of 1. */
async function runFile(name: string, { data, shape: [count, ...features] }: Inputs): Promise<Float32Array> {
  const session = await InferenceSession.create(path(name))
  const size = elementCount(features)
  const outputs: number[] = []
  for (let sample = 0; sample < count; sample++) {
    const input = new Tensor('float32', data.slice(sample * size, (sample + 1) * size), [1, ...features])
    outputs.push(...((await session.run({ input })).output.data as Float32Array))
  }
  await session.release()
  return Float32Array.from(outputs)
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  const scale = Math.max(...Array.from(expected, Math.abs))
  expect(actual).toHaveLength(expected.length)
  Array.from(expected).forEach((value, index) => {
    expect(Math.abs(actual[index] - value)).toBeLessThanOrEqual(tolerance * scale)
  })
}

const epsilon = 0.002

describe.each(Object.entries(classifiers))('%s', (name, { refused }) => {
  const load = () => loadModel(path(name), { domain: [0, 1] })
  const use = async (check: (model: Classifier, inputs: Inputs, labels: Int32Array) => Promise<void>, count = 4) => {
    const model = await load()
    try {
      const inputs = randomInputs(model, count, randomSource(seed))
      await check(model, inputs, await predictClasses(model, inputs))
    } finally {
      await model.close()
    }
  }

  test('gives the logits of the file', () =>
    use(async (model, inputs) => {
      expectClose(await model.predict(inputs), await runFile(name, inputs), 1e-5)
    }))

  test.skipIf(name === 'quantised')('has the gradient of finite differences', () =>
    use(async (model, inputs, labels) => {
      const direction = Float64Array.from(inputs.data, (_, index) => Math.sin(1 + 7 * index))
      const gradient = await model.inputGradient(inputs, labels, 'logit')
      const size = elementCount(model.featureShape)
      const along = Float64Array.from(labels, (_, sample) =>
        direction
          .subarray(sample * size, (sample + 1) * size)
          .reduce((sum, step, index) => sum + step * gradient[sample * size + index], 0),
      )
      const slopes = await directionalDerivative(model, inputs, direction)
      const expected = Float64Array.from(labels, (label, sample) => slopes[sample * model.classes + label])
      expectClose(along, expected, 1e-4)
    }),
  )

  test('is fooled by PGD', () =>
    use(async (model, inputs, labels) => {
      const result = await attack(model, pgd({ norm: 'linf', epsilon: 0.5 }), { inputs, labels, seed })
      expect(result.fooled).toBeGreaterThan(0)
    }, 8))

  test(refused ? `has no bound because of ${refused}` : 'has bounds that no input of the ball refutes', () =>
    use(async (model, inputs, labels) => {
      const method = crown({ norm: 'linf' })
      if (refused) {
        const refusal = { code: 'UNSUPPORTED_OPERATOR', operator: refused }
        await expect(marginBounds(model, method, { inputs, labels, epsilon })).rejects.toMatchObject(refusal)
        await expect(bound(model, method, { inputs, labels })).rejects.toMatchObject(refusal)
        return
      }
      const margins = await marginBounds(model, method, { inputs, labels, epsilon })
      const settings = { norm: 'linf', domain: 'intersect', points: 300 } as const
      const sampled = await sampledMargins(model, inputs, labels, [epsilon], settings, randomSource(seed))
      margins.forEach((margin, index) => {
        expect(margin).toBeGreaterThan(Number.NEGATIVE_INFINITY)
        expect(margin).toBeLessThanOrEqual(sampled[index])
      })
      const bounded = await bound(model, method, { inputs, labels })
      const [{ radius }] = bounded.samples
      expect(radius).toBeGreaterThan(0)
      for (const attempt of [pgd({ norm: 'linf', epsilon: radius }), deepFool({ norm: 'linf' })]) {
        const { samples } = await attack(model, attempt, { inputs, labels, seed })
        expect(samples[0].distance?.linf ?? Number.POSITIVE_INFINITY).toBeGreaterThan(radius)
      }
    }, 1),
  )
})

/** The first output reaches the limit, within {@link epsilon} of an input. */
function exceeds(limit: number, centre: Float32Array, { domain, outputShape }: Regressor): Property {
  const outputs = elementCount(outputShape)
  const lower = Float64Array.from(centre, (value, feature) => Math.max(value - epsilon, domain.lower[feature]))
  const upper = Float64Array.from(centre, (value, feature) => Math.min(value + epsilon, domain.upper[feature]))
  const constraints = [{ inputs: new Map(), outputs: new Map([[0, -1]]), bound: -limit }]
  return { name: 'limit', sha256: '', inputs: centre.length, outputs, cases: [{ lower, upper, constraints }] }
}

/** Largest first output that steps along the sign of its gradient reach within {@link epsilon} of an input. */
async function highest(model: Regressor, centre: Float32Array): Promise<number> {
  const { lower, upper } = model.domain
  const cotangent = Float32Array.from({ length: elementCount(model.outputShape) }, (_, index) => (index === 0 ? 1 : 0))
  const shape = [1, ...model.featureShape]
  let [data, most] = [centre, Number.NEGATIVE_INFINITY]
  for (let step = 0; step < 10; step++) {
    most = Math.max(most, (await model.predict({ data, shape }))[0])
    const gradient = await model.vjp({ data, shape }, cotangent)
    data = centre.map((value, feature) => {
      const moved = data[feature] + (Math.sign(gradient[feature]) * epsilon) / 4
      const within = Math.min(Math.max(moved, value - epsilon), value + epsilon)
      return Math.min(Math.max(within, lower[feature]), upper[feature])
    })
  }
  return most
}

describe.each(regressors)('%s', (name) => {
  const use = async (check: (model: Regressor, inputs: Inputs) => Promise<void>) => {
    const model = await loadRegressor(path(name), { domain: [0, 1] })
    try {
      const random = randomSource(seed)
      const shape = [2, ...model.featureShape]
      await check(model, { data: Float32Array.from({ length: elementCount(shape) }, random.uniform), shape })
    } finally {
      await model.close()
    }
  }

  test('gives the outputs of the file', () =>
    use(async (model, inputs) => expectClose(await model.predict(inputs), await runFile(name, inputs), 1e-5)))

  test('has the Jacobian of finite differences', () =>
    use(async (model, inputs) => {
      const direction = Float64Array.from(inputs.data, (_, index) => Math.sin(1 + 7 * index))
      const slopes = await directionalDerivative(model, inputs, direction)
      expectClose(await model.jvp(inputs, Float32Array.from(direction)), slopes, 1e-4)
      const cotangents = Float32Array.from(slopes, (_, index) => Math.cos(3 * index))
      const gradient = await model.vjp(inputs, cotangents)
      const dot = (left: ArrayLike<number>, right: ArrayLike<number>) =>
        Array.from(left).reduce((sum, value, index) => sum + value * right[index], 0)
      expect(dot(gradient, direction)).toBeCloseTo(dot(cotangents, slopes), 2)
    }))

  test('has a bound of an output that no input of the ball refutes', () =>
    use(async (model, { data }) => {
      const size = elementCount(model.featureShape)
      const centre = data.subarray(0, size)
      const [output] = await model.predict({ data: centre, shape: [1, ...model.featureShape] })
      const reached = await highest(model, centre)
      expect(reached).toBeGreaterThan(output)
      const excluded = async (limit: number) => {
        return (await verifyProperty(model, exceeds(limit, centre, model), { seed })).excluded
      }
      expect(await excluded(reached)).toBe(0)
      expect(await excluded(output + 4 * (reached - output))).toBe(1)
    }))

  test('is degraded by an attack', () =>
    use(async (model, inputs) => {
      const targets = { data: await model.predict(inputs), shape: [2, ...model.outputShape] }
      const result = await attackRegressor(model, linear({ epsilon: 0.05 }), { inputs, targets, seed })
      expect(result.medianOutputPsnr).toBeLessThan(60)
    }))
})
