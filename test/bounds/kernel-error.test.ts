import { afterAll, expect, test } from 'vitest'
import { engine } from '../../src/engine/engine.js'
import { float, GraphBuilder, type Precision } from '../../src/graph/builder.js'
import { elementCount } from '../../src/graph/graph.js'
import { type ApproximatedKernel, roundingOf } from '../../src/operators/rounding.js'
import { ruleContext } from '../../src/passes/context.js'
import { declareInputs, emitForward } from '../../src/passes/forward.js'
import { randomSource } from '../../src/sampling/random.js'
import { operatorGraph } from '../operators/lines.js'
import { seed } from '../seed.js'

afterAll(() => engine.close())

type Build = (builder: GraphBuilder, input: string) => string

const power =
  (exponent: number): Build =>
  (builder, input) =>
    builder.add('Pow', [input, builder.scalar(exponent)])

const cases: readonly [string, ApproximatedKernel, Build][] = [
  ...(['Sigmoid', 'Tanh', 'Elu', 'Erf', 'Exp', 'Gelu', 'HardSwish', 'Log', 'Softplus', 'Sqrt'] as const).map(
    (kernel): [string, ApproximatedKernel, Build] => [kernel, kernel, (builder, input) => builder.add(kernel, [input])],
  ),
  ['Gelu by tanh', 'Gelu', (builder, input) => builder.add('Gelu', [input], { approximate: 'tanh' })],
  ...[2, 3, 0.5, 1.5, -0.75, -2].map((exponent): [string, ApproximatedKernel, Build] => [
    `Pow ${exponent}`,
    'Pow',
    power(exponent),
  ]),
]
const largest = 3.4e38

test.each(cases)(
  "onnxruntime's float32 %s errs by less than a quarter of the allowance",
  async (_name, kernel, build) => {
    const { kernelError, relativeKernelError } = roundingOf('covered')
    const inputs = denseInputs()
    const [single, double] = await Promise.all([evaluate(build, 'float32', inputs), evaluate(build, 'float64', inputs)])
    const worst = single.reduce((most, output, index) => {
      const exact = double[index]
      // Where the result is no float32 number, no bound says anything.
      if (!(Math.abs(exact) < largest)) return most
      const allowed = kernelError(kernel) + relativeKernelError(kernel) * Math.abs(exact)
      return Math.max(most, Math.abs(output - exact) / allowed)
    }, 0)
    expect(worst).toBeLessThan(1 / 4)
    // The allowances are of the right order of magnitude.
    expect(worst).toBeGreaterThan(1 / 100)
  },
)

// The allowances that the rules of these operators make for the model's own error: relative, absolute, and relative to the
// largest input.
const { gamma } = roundingOf('covered')
const reductions: readonly [string, readonly number[], Build, (input: number) => readonly number[]][] = [
  ['Softmax of 8', [8], (builder, input) => builder.add('Softmax', [input]), () => [gamma(4 * 8 + 1024), 2 ** -102]],
  [
    'Softmax of 512',
    [512],
    (builder, input) => builder.add('Softmax', [input]),
    () => [gamma(4 * 512 + 1024), 2 ** -102],
  ],
  [
    'LogSoftmax of 64',
    [64],
    (builder, input) => builder.add('LogSoftmax', [input]),
    (input) => [0, gamma(4 * 64 + 1024) + gamma(16) * input],
  ],
  [
    'LRN',
    [32, 1, 1],
    (builder, input) => builder.add('LRN', [input], { size: 5, alpha: float(1e-2), beta: float(0.75) }),
    (input) => [5e-7 + 0.75 * gamma(2 * 32 + 5 + 16) * (1 + (1e-2 / 5) * 32 * input ** 2), 2 ** -102],
  ],
  [
    'LpPool',
    [1, 4, 4],
    (builder, input) => builder.add('LpPool', [input], { kernel_shape: [4, 4] }),
    () => [gamma(2 * 16 + 16 * 2 + 64), 2 * Math.sqrt(16 * 2 ** -120)],
  ],
  [
    'LpPool of order 3',
    [1, 4, 4],
    (builder, input) => builder.add('LpPool', [input], { kernel_shape: [4, 4], p: 3 }),
    () => [gamma(2 * 16 + 16 * 3 + 64), 2 * Math.cbrt(16 * 2 ** -120)],
  ],
]

test.each(reductions)(
  "onnxruntime's float32 %s errs by less than its allowance",
  async (_name, shape, build, allow) => {
    const random = randomSource(seed)
    const inputs = new Float32Array(2 ** 15)
    const features = elementCount(shape)
    let size = 0
    const sizes = inputs.map((_, index) => {
      if (index % features === 0) size = 10 ** (4 * random.uniform() - 2)
      inputs[index] = Math.max(-10, Math.min(10, 3 * random.normal())) * size
      return 10 * size
    })
    const single = await evaluate(build, 'float32', inputs, shape)
    const double = await evaluate(build, 'float64', inputs, shape)
    const perInput = inputs.length / single.length
    single.forEach((output, index) => {
      const [relative, absolute] = allow(sizes[index * perInput])
      expect(Math.abs(output - double[index])).toBeLessThanOrEqual(relative * Math.abs(double[index]) + absolute)
    })
  },
)

const batch = 2 ** 15

async function evaluate(
  build: Build,
  precision: Precision,
  inputs: Float32Array,
  featureShape: readonly number[] = [1],
): Promise<Float64Array> {
  const graph = await operatorGraph(build, featureShape)
  const builder = new GraphBuilder(graph.opset, precision)
  declareInputs(graph, builder)
  builder.output('result', emitForward(graph, ruleContext(graph, builder)).get(graph.outputs[0].name)!)
  const session = await engine.createSession(builder.build())
  const outputs = new Float64Array(inputs.length)
  try {
    for (let start = 0; start < inputs.length; start += batch) {
      const part = inputs.subarray(start, start + batch)
      const data = precision === 'float32' ? part : Float64Array.from(part)
      const tensor = { type: precision, shape: [part.length / elementCount(featureShape), ...featureShape], data }
      const { result } = await session.run({ [graph.inputs[0].name]: tensor })
      outputs.set(result.data as Float64Array, start)
    }
  } finally {
    await session.release()
  }
  return outputs
}

/** An even grid where the functions bend, and every magnitude that float32 has. */
function denseInputs(): Float32Array {
  const random = randomSource(seed)
  const count = 2 ** 18
  return Float32Array.from({ length: 2 * count }, (_, index) => {
    if (index < count) return -25 + (50 * index) / count
    return (random.uniform() < 0.5 ? -1 : 1) * 2 ** (random.uniform() * 277 - 149)
  })
}
