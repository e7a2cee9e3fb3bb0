import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { alphaCrown } from '../../src/bounds/alpha-crown.js'
import type { Bound } from '../../src/bounds/bound.js'
import { crown, crownIbp, intervalPropagation, type RelaxationSettings } from '../../src/bounds/crown.js'
import { bound, marginBounds } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import type { Norm } from '../../src/geometry/norm.js'
import type { GraphBuilder } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import { elementCount } from '../../src/graph/graph.js'
import type { Classifier } from '../../src/model/classifier.js'
import { loadModel } from '../../src/model/load-model.js'
import { randomSource } from '../../src/sampling/random.js'
import type { Inputs } from '../../src/sampling/samples.js'
import { sampledMargins } from '../bounds/sampling.js'
import { seed } from '../seed.js'
import { graphOf } from '../tiny-models.js'
import { hasSharedData, readFloats, readJson, sharedData } from './shared-data.js'

afterAll(() => engine.close())

interface Weights {
  readonly [name: string]: { readonly shape: number[]; readonly data: number[] }
}

const readGzippedJson = (...path: string[]) =>
  JSON.parse(gunzipSync(readFileSync(join(sharedData, ...path))).toString())

const reference = { rounding: 'ignored', precision: 'float64' } as const

/** A bound that counts how many margins it evaluates. */
function counted(method: Bound): { method: Bound; evaluations(): number } {
  let count = 0
  const margins: Bound['margins'] = (context, epsilon) => {
    count += epsilon.length
    return method.margins(context, epsilon)
  }
  return { method: { ...method, margins }, evaluations: () => count }
}

function smallestMargins(margins: Float64Array, labels: ArrayLike<number>): number[] {
  const classes = margins.length / labels.length
  return Array.from(labels, (label, sample) =>
    Math.min(...margins.subarray(sample * classes, (sample + 1) * classes).filter((_, other) => other !== label)),
  )
}

describe.skipIf(!hasSharedData)('auto_LiRPA on networks trained for the comparison', () => {
  const models = new Map<string, Classifier>()
  const samples = new Map<string, { inputs: Inputs; labels: Int32Array }>()

  beforeAll(async () => {
    for (const name of ['digits_mlp', 'mnist_lenet']) {
      models.set(name, await loadModel(join(sharedData, 'torch', `${name}.onnx`), { domain: [0, 1] }))
      const shape = readJson('torch', `${name}.json`).x.shape
      const inputs = { data: readFloats('torch', `${name}_x.bin.gz`), shape }
      samples.set(name, { inputs, labels: Int32Array.from(readFloats('torch', `${name}_y.bin.gz`)) })
    }
  })

  function firstSamples(name: string, count: number) {
    const { inputs, labels } = samples.get(name)!
    const size = elementCount(inputs.shape.slice(1))
    return {
      inputs: { data: inputs.data.slice(0, count * size), shape: [count, ...inputs.shape.slice(1)] },
      labels: labels.slice(0, count),
    }
  }

  type Run = { method: string; norm: Norm; eps: number; clip01: boolean; n: number; min_margin_lb: number[] }
  const runs = (name: string, method: string): Run[] =>
    hasSharedData ? readJson('torch', `${name}_bounds.json`).runs.filter((run: Run) => run.method === method) : []

  test.each(
    ['digits_mlp', 'mnist_lenet'].flatMap((name) =>
      runs(name, 'IBP').map((run) => [name, run.norm, run.eps, run] as const),
    ),
  )('%s IBP %s %d: margins to 1e-4', async (name, norm, eps, run) => {
    const request = { ...firstSamples(name, run.n), epsilon: eps }
    const domain = run.clip01 ? 'intersect' : 'ignore'
    for (const settings of [reference, { rounding: 'ignored' } as const]) {
      const margins = await marginBounds(models.get(name)!, intervalPropagation({ norm, domain, ...settings }), request)
      smallestMargins(margins, request.labels).forEach((margin, sample) => {
        const expected = run.min_margin_lb[sample]
        expect(Math.abs(margin - expected)).toBeLessThan(1e-4 * Math.max(1, Math.abs(expected)))
      })
    }
  })

  test.each(runs('digits_mlp', 'CROWN').map((run) => [run.norm, run.eps, run] as const))(
    'digits_mlp CROWN %s %d: margins to 1e-4 with rounding ignored, a little less with rounding covered',
    async (norm, eps, run) => {
      const request = { ...firstSamples('digits_mlp', run.n), epsilon: eps }
      const domain = run.clip01 ? 'intersect' : 'ignore'
      const least = async (settings: Partial<RelaxationSettings>) => {
        const method = crown({ norm, domain, ...settings })
        return smallestMargins(await marginBounds(models.get('digits_mlp')!, method, request), request.labels)
      }
      const [double, single, covered] = [await least(reference), await least({ rounding: 'ignored' }), await least({})]
      run.min_margin_lb.forEach((expected, sample) => {
        expect(Math.abs(double[sample] - expected)).toBeLessThan(2e-5 * Math.max(1, Math.abs(expected)))
        expect(Math.abs(single[sample] - expected)).toBeLessThan(1e-4 * Math.max(1, Math.abs(expected)))
        expect(covered[sample]).toBeLessThan(double[sample])
        expect(covered[sample]).toBeGreaterThan(double[sample] - 0.02)
      })
    },
  )

  test.each(runs('digits_mlp', 'CROWN-IBP').map((run) => [run.norm, run.eps, run] as const))(
    'digits_mlp CROWN-IBP %s %d: margins to 1e-4',
    async (norm, eps, run) => {
      const request = { ...firstSamples('digits_mlp', run.n), epsilon: eps }
      const method = crownIbp({ norm, domain: run.clip01 ? 'intersect' : 'ignore', ...reference })
      const margins = await marginBounds(models.get('digits_mlp')!, method, request)
      smallestMargins(margins, request.labels).forEach((margin, sample) => {
        const expected = run.min_margin_lb[sample]
        expect(Math.abs(margin - expected)).toBeLessThan(1e-4 * Math.max(1, Math.abs(expected)))
      })
    },
  )

  // Each intermediate bound has its own slopes here, while auto_LiRPA takes those that suit the margin: either may be tighter.
  test.each(runs('digits_mlp', 'CROWN-Optimized').map((run) => [run.norm, run.eps, run] as const))(
    'digits_mlp α-CROWN %s %d: no looser on average, hardly for any sample, and sound',
    async (norm, eps, run) => {
      const request = { ...firstSamples('digits_mlp', run.n), epsilon: eps }
      const domain = run.clip01 ? 'intersect' : 'ignore'
      const model = models.get('digits_mlp')!
      const least = async (settings: Partial<RelaxationSettings>) => {
        const method = alphaCrown({ norm, domain, iterations: 20, cuts: 0, ...settings })
        return smallestMargins(await marginBounds(model, method, request), request.labels)
      }
      const [margins, covered] = [await least({ rounding: 'ignored' }), await least({})]
      const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
      const expected = run.min_margin_lb
      expect(mean(margins)).toBeGreaterThan(mean(expected) - 1e-4 * Math.abs(mean(expected)))
      margins.forEach((margin, sample) => {
        expect(margin).toBeGreaterThan(expected[sample] - 2.5e-3 * Math.max(1, Math.abs(expected[sample])))
      })
      const epsilon = expected.map(() => eps)
      const options = { norm, domain, points: 60 } as const
      const sampled = await sampledMargins(model, request.inputs, request.labels, epsilon, options, randomSource(seed))
      const possible = smallestMargins(sampled, request.labels)
      covered.forEach((margin, sample) => {
        expect(margin).toBeLessThanOrEqual(possible[sample])
      })
    },
  )

  test.each([
    ['linf_clip_CROWN', 'linf', 'intersect'],
    ['linf_noclip_CROWN', 'linf', 'ignore'],
    ['l2_CROWN', 'l2', 'ignore'],
  ] as const)('digits_mlp %s: radii within 1 %% below, in 6 evaluations', async (name, norm, domain) => {
    const { radius } = readJson('torch', 'digits_mlp_bounds.json').radius[name]
    const request = firstSamples('digits_mlp', radius.length)
    const { method, evaluations } = counted(crown({ norm, domain }))
    const result = await bound(models.get('digits_mlp')!, method, request)
    expect(evaluations() / result.eligible).toBeLessThanOrEqual(6)
    result.samples.forEach((sample, index) => {
      if (!sample.eligible) return
      expect(sample.radius).toBeLessThan(radius[index] * 1.002 + 1e-5)
      expect(sample.radius).toBeGreaterThan(radius[index] * 0.98 - 1e-5)
    })
  })

  test.each([
    ['α-CROWN', 'linf', 'linf_clip_CROWN', 1, 1.15],
    ['α-CROWN', 'l2', 'l2_CROWN', 1.12, 1.28],
    ['CROWN', 'linf', 'linf_clip_CROWN', 0.99, 1.15],
    ['CROWN', 'l2', 'l2_CROWN', 1.12, 1.28],
  ] as const)(
    'digits_mlp %s with cuts %s: larger radii than %s, none beyond an attack',
    async (of, norm, name, plain, cut) => {
      const { radius } = readJson('torch', 'digits_mlp_bounds.json').radius[name]
      const [attacked] = Object.values<number[]>(readJson('torch', 'digits_mlp_attacks.json').best_known[norm])
      const request = firstSamples('digits_mlp', radius.length)
      const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
      const radii = async (bounded: Bound) => {
        const { method, evaluations } = counted(bounded)
        const { samples, eligible } = await bound(models.get('digits_mlp')!, method, request)
        expect(evaluations() / eligible).toBeLessThanOrEqual(6)
        samples.forEach((sample, index) => {
          if (sample.eligible) expect(sample.radius).toBeLessThan(attacked[index])
        })
        return mean(samples.map((sample) => sample.radius))
      }
      const withCuts = (cuts: number) =>
        of === 'CROWN' ? crown({ norm, cuts }) : alphaCrown({ norm, iterations: 2, cuts })
      expect(await radii(withCuts(0))).toBeGreaterThan(plain * mean(radius))
      expect(await radii(withCuts(2))).toBeGreaterThan(cut * mean(radius))
      if (of !== 'CROWN') return
      expect(await radii(crown({ norm, cuts: 'first layer' }))).toBeGreaterThan(1.05 * plain * mean(radius))
    },
  )

  test.each([
    ['linf', 'linf_clip_CROWN', 1.5],
    ['l2', 'l2_CROWN', 2],
  ] as const)('mnist_lenet CROWN %s: mean radius against %s, in 6 evaluations', async (norm, name, least) => {
    const { radius, mean_radius } = readJson('torch', 'mnist_lenet_bounds.json').radius[name]
    const { method, evaluations } = counted(crown({ norm }))
    const result = await bound(models.get('mnist_lenet')!, method, firstSamples('mnist_lenet', radius.length))
    const mean = result.samples.reduce((sum, sample) => sum + sample.radius, 0) / radius.length
    expect(mean).toBeGreaterThan(least * mean_radius)
    expect(evaluations() / result.eligible).toBeLessThanOrEqual(6)
  })

  test.each(runs('mnist_lenet', 'CROWN-IBP').map((run) => [run.norm, run.eps, run] as const))(
    'mnist_lenet CROWN-IBP %s %d: margins are no smaller',
    async (norm, eps, run) => {
      const request = { ...firstSamples('mnist_lenet', run.n), epsilon: eps }
      const method = crownIbp({ norm, domain: run.clip01 ? 'intersect' : 'ignore', rounding: 'ignored' })
      const margins = await marginBounds(models.get('mnist_lenet')!, method, request)
      smallestMargins(margins, request.labels).forEach((margin, sample) => {
        expect(margin).toBeGreaterThan(run.min_margin_lb[sample])
      })
    },
  )

  test.each(
    runs('mnist_lenet', 'CROWN')
      .filter(({ norm, eps }) => (norm === 'linf' ? eps < 0.02 : eps < 0.2))
      .map((run) => [run.norm, run.eps, run] as const),
  )('mnist_lenet CROWN %s %d: margins are no smaller, the max pool is relaxed more tightly', async (norm, eps, run) => {
    const request = { ...firstSamples('mnist_lenet', 2), epsilon: eps }
    const method = crown({ norm, domain: run.clip01 ? 'intersect' : 'ignore' })
    const model = models.get('mnist_lenet')!
    const margins = await marginBounds(model, method, request)
    smallestMargins(margins, request.labels).forEach((margin, sample) => {
      expect(margin).toBeGreaterThan(run.min_margin_lb[sample])
    })
    const { domain } = { domain: run.clip01 ? 'intersect' : 'ignore' } as const
    const epsilon = [eps, eps]
    const random = randomSource(seed)
    const options = { norm, domain, points: 60 }
    const sampled = await sampledMargins(model, request.inputs, request.labels, epsilon, options, random)
    expect(margins.every((margin, index) => margin <= sampled[index])).toBe(true)
  })
})

describe.skipIf(!hasSharedData)("auto_LiRPA's own test data", () => {
  const optimised = (settings: RelaxationSettings) => alphaCrown({ ...settings, iterations: 20, cuts: 0 })

  /** Bounds of every output of a network, from margins against one more logit that is always 0. */
  async function outputBounds(model: Classifier, settings: RelaxationSettings, inputs: Inputs, epsilon: number) {
    const [count] = inputs.shape
    const zero = model.classes - 1
    const make = (label: number) =>
      marginBounds(model, crown(settings), { inputs, labels: new Int32Array(count).fill(label), epsilon })
    return boundsOf(make, count, zero)
  }

  async function boundsOf(make: (label: number) => Promise<Float64Array>, count: number, outputs: number) {
    const lower = Array.from({ length: count }, () => new Array<number>(outputs))
    for (let output = 0; output < outputs; output++) {
      const margins = await make(output)
      for (let sample = 0; sample < count; sample++) lower[sample][output] = margins[sample * (outputs + 1) + outputs]
    }
    const margins = await make(outputs)
    const upper = lower.map((row, sample) => row.map((_, output) => -margins[sample * (outputs + 1) + output]))
    return { lower, upper }
  }

  function withZeroLogit(builder: GraphBuilder, flat: string, weights: Weights[string], bias: number[]): string {
    const [outputs, inputs] = weights.shape
    const padded = [...weights.data, ...new Array<number>(inputs).fill(0)]
    return builder.add('Gemm', [flat, builder.floats(padded, [outputs + 1, inputs]), builder.floats([...bias, 0])], {
      transB: 1,
    })
  }

  test.each([
    ['l_inf', 'linf', 'IBP', 'equal', intervalPropagation],
    ['l_inf', 'linf', 'CROWN-IBP', 'equal', crownIbp],
    ['l_inf', 'linf', 'CROWN', 'equal', crown],
    ['l_inf', 'linf', 'CROWN-Optimized', 'no looser', optimised],
    ['l_2', 'l2', 'IBP', 'no looser', intervalPropagation],
    ['l_2', 'l2', 'CROWN-IBP', 'no looser', crownIbp],
    ['l_2', 'l2', 'CROWN', 'equal', crown],
    ['l_2', 'l2', 'CROWN-Optimized', 'no looser', optimised],
  ] as const)('vision_test_data %s: %s %s, %s', async (prefix, norm, method, relation, make) => {
    const {
      bounds,
      model: weights,
      input,
      eps,
    } = readGzippedJson('verified', 'autolirpa', 'vision_test_data_f64.json.gz')
    const graph = graphOf(input.shape.slice(1), (builder, image) => {
      const tensor = (name: string) => builder.floats(weights[name].data, weights[name].shape)
      const conv = (value: string, name: string) =>
        builder.add('Conv', [value, tensor(`${name}.weight`), tensor(`${name}.bias`)], {
          strides: [2, 2],
          pads: [1, 1, 1, 1],
        })
      const statistics = ['weight', 'bias', 'running_mean', 'running_var'].map((name) => tensor(`bn.${name}`))
      const normalised = builder.add('BatchNormalization', [image, ...statistics])
      const first = builder.add('Relu', [conv(normalised, 'conv1')])
      const sum = builder.add('Add', [first, conv(normalised, 'shortcut')])
      const second = builder.add('Relu', [conv(sum, 'conv2')])
      return withZeroLogit(builder, builder.add('Flatten', [second]), weights['fc1.weight'], weights['fc1.bias'].data)
    })
    const model = await loadModel(encodeModel(graph), { domain: [-10, 10] })
    const inputs = { data: Float32Array.from(input.data as number[]), shape: input.shape }
    for (const [settings, tolerance] of [
      [reference, 5e-6],
      [{ rounding: 'ignored' }, 2e-5],
    ] as const) {
      // Slow in float64.
      if (make === optimised && settings === reference) continue
      const bound = make({ norm, domain: 'ignore', ...settings })
      const { lower, upper } = await boundsOf(
        (label) => marginBounds(model, bound, { inputs, labels: new Int32Array(8).fill(label), epsilon: eps }),
        8,
        10,
      )
      for (const [actual, side] of [
        [lower, 'lb'],
        [upper, 'ub'],
      ] as const) {
        const expected: number[][] = bounds[`${prefix}_${method}_${side}`]
        actual.forEach((row, sample) =>
          row.forEach((value, output) => {
            const looser = side === 'lb' ? expected[sample][output] - value : value - expected[sample][output]
            expect(looser).toBeLessThan(tolerance)
            if (relation === 'equal') expect(looser).toBeGreaterThan(-tolerance)
          }),
        )
      }
    }
    await model.close()
  })

  const cases: Record<string, { model: Weights; input: Weights[string]; lb: number[][]; ub: number[][] }> =
    hasSharedData ? readGzippedJson('verified', 'autolirpa', 'maxpool_f64.json.gz').cases : {}

  // With padding, auto_LiRPA takes positions in the unpadded input for positions in the padded one, so that its planes
  // belong to elements of other windows: these values are of no valid relaxation, but happen to hold.
  test.each(Object.keys(cases))('%s: at least as tight, and sound', async (name) => {
    const { model: weights, input, lb, ub } = cases[name]
    const [kernel, pad, stride, convPad] = name.split('_').at(-1)!.split('-').map(Number)
    const graph = graphOf(input.shape.slice(1), (builder, image) => {
      const conv = (value: string, layer: string) => {
        const [kernels, bias] = ['weight', 'bias'].map((part) => {
          const { data, shape } = weights[`${layer}.${part}`]
          return builder.floats(data, shape)
        })
        return builder.add('Relu', [
          builder.add('Conv', [value, kernels, bias], { pads: [convPad, convPad, convPad, convPad] }),
        ])
      }
      const pooled = builder.add('MaxPool', [conv(image, 'n_n_conv2d')], {
        kernel_shape: [kernel, kernel],
        strides: [stride, stride],
        pads: [pad, pad, pad, pad],
      })
      const second = builder.add('Transpose', [conv(pooled, 'n_n_conv2d_2')], { perm: [0, 2, 3, 1] })
      const { data, shape } = weights['n_n_dense.weight']
      const flat = builder.add('Flatten', [second])
      return withZeroLogit(builder, flat, { data, shape: shape.slice(0, 2) }, weights['n_n_dense.bias'].data)
    })
    const model = await loadModel(encodeModel(graph), { domain: [-10, 10] })
    const inputs = { data: Float32Array.from(input.data), shape: input.shape }
    const settings = { norm: 'linf', domain: 'ignore' } as const
    const { lower, upper } = await outputBounds(model, { ...settings, ...reference }, inputs, 0.3)
    // The model has the weights as float32 numbers.
    const tolerance = 1e-7
    lb.flat().forEach((expected, index) => {
      expect(lower.flat()[index]).toBeGreaterThan(expected - tolerance)
      expect(upper.flat()[index]).toBeLessThan(ub.flat()[index] + tolerance)
    })
    const covered = await outputBounds(model, settings, inputs, 0.3)
    const zero = model.classes - 1
    const options = { ...settings, points: 300 }
    for (let output = 0; output < zero; output++) {
      const labels = [output, output]
      const sampled = await sampledMargins(model, inputs, labels, [0.3, 0.3], options, randomSource(seed))
      for (const sample of [0, 1]) {
        expect(covered.lower[sample][output]).toBeLessThanOrEqual(sampled[sample * model.classes + zero])
      }
    }
    await model.close()
  })
})

describe.skipIf(!hasSharedData)('MIPVerify on WK17a, ℓ∞ 0.1', () => {
  test('of the 242 robust images α-CROWN certifies all, CROWN 98 %, and neither any that is not', async () => {
    const folder = join(sharedData, 'verified', 'mipverify')
    const model = await loadModel(join(folder, 'WK17a_linf0.1.onnx'), { domain: [0, 1] })
    const count = 250
    const bytes = (name: string, header: number) =>
      gunzipSync(readFileSync(join(sharedData, 'datasets', name))).subarray(header)
    const images = bytes('t10k-images-idx3-ubyte.gz', 16).subarray(0, count * 784)
    const labels = Int32Array.from(bytes('t10k-labels-idx1-ubyte.gz', 8).subarray(0, count))
    const inputs = { data: Float32Array.from(images, (pixel) => pixel / 255), shape: [count, 1, 28, 28] }
    const verdicts = readFileSync(join(folder, 'WK17a_linf0.1_first250_exact.csv'), 'utf8').trim().split('\n').slice(1)
    const isRobust = verdicts.map((line) => line.split(',')[1] === 'robust_at_0.1').slice(0, count)
    expect(isRobust.filter(Boolean)).toHaveLength(242)

    const certify = async (method: Bound) => {
      const margins = await marginBounds(model, method, { inputs, labels, epsilon: 0.1 })
      const certified = smallestMargins(margins, labels).map((margin) => margin > 0)
      certified.forEach((isCertified, image) => {
        if (isCertified) expect(isRobust[image]).toBe(true)
      })
      return certified.filter(Boolean).length
    }
    expect(await certify(crown({ norm: 'linf' }))).toBeGreaterThanOrEqual(0.98 * 242)
    expect(await certify(alphaCrown({ norm: 'linf', iterations: 2 }))).toBe(242)
    await model.close()
  })
})
