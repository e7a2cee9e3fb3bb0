import { encodeModel } from '../../../src/graph/encode.js'
import { loadRegressor, type RegressorSettings } from '../../../src/model/load-regressor.js'
import type { RandomSource } from '../../../src/sampling/random.js'
import { denseModel, graphOf } from '../../tiny-models.js'

const float = Math.fround

/** J·x + b with known J (one row per output), in a domain that does not bind unless another is given. */
export async function linearRegressor(
  random: RandomSource,
  { features = 6, outputs = 4, domain = [-50, 50] as RegressorSettings['domain'] } = {},
) {
  const row = () => Array.from({ length: features }, () => float(random.normal()))
  const jacobian = Array.from({ length: outputs }, row)
  const model = await loadRegressor(
    denseModel({ weights: jacobian, bias: jacobian.map(() => float(random.normal())) }),
    {
      domain,
    },
  )
  return { model, jacobian }
}

/** Euclidean norm of J·η. */
export function moved(jacobian: readonly (readonly number[])[], perturbation: ArrayLike<number>): number {
  return Math.hypot(...jacobian.map((row) => row.reduce((sum, entry, index) => sum + entry * perturbation[index], 0)))
}

/** The largest singular value, by power iteration in float64. */
export function spectralNorm(jacobian: readonly (readonly number[])[]): number {
  let direction = jacobian[0].map((_, index) => 1 + index / 7)
  for (let iteration = 0; iteration < 5000; iteration++) {
    const image = jacobian.map((row) => row.reduce((sum, entry, index) => sum + entry * direction[index], 0))
    const back = direction.map((_, index) => jacobian.reduce((sum, row, output) => sum + row[index] * image[output], 0))
    const length = Math.hypot(...back)
    direction = back.map((entry) => entry / length)
  }
  return moved(jacobian, direction)
}

/** A network with one hidden layer of tanh, from and to any shape. */
export function network(
  random: RandomSource,
  featureShape: readonly number[],
  outputShape: readonly number[],
  batch: number | string = 'batch',
): Uint8Array {
  const count = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1)
  const [features, outputs] = [count(featureShape), count(outputShape)]
  const matrix = (rows: number, columns: number) =>
    Array.from({ length: rows * columns }, () => float((2 * random.normal()) / Math.sqrt(columns)))
  const body = graphOf(
    featureShape,
    (builder, input) => {
      const flat = builder.add('Flatten', [input])
      const first = builder.floats(matrix(8, features), [8, features])
      const second = builder.floats(matrix(outputs, 8), [outputs, 8])
      const hidden = builder.add('Tanh', [builder.add('Gemm', [flat, first], { transB: 1 })])
      return builder.add('Reshape', [
        builder.add('Gemm', [hidden, second], { transB: 1 }),
        builder.ints([typeof batch === 'number' ? batch : -1, ...outputShape]),
      ])
    },
    batch,
  )
  return encodeModel(body)
}

export function inputsFor(random: RandomSource, count: number, featureShape: readonly number[]) {
  const size = featureShape.reduce((product, length) => product * length, 1)
  const data = Float32Array.from({ length: count * size }, () => random.uniform())
  return { data, shape: [count, ...featureShape] }
}
