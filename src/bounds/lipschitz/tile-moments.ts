import type { Budget } from '../../budget.js'
import { GraphBuilder } from '../../graph/builder.js'
import { elementCount, type Graph, type GraphNode } from '../../graph/graph.js'
import type { Classifier } from '../../model/classifier.js'
import { type Convolution, emitConvolution, emitTransposedConvolution } from '../../operators/convolution.js'
import { windowOutputSizes } from '../../operators/windows.js'
import { randomSource } from '../../sampling/random.js'
import type { Spread } from './tile-spread.js'

const rounds = 40
const directions = 8

/**
 * Sums of v·vᵀ over the tiles v of every channel, size×size, in directions in which the operator is large as `forms`
 * measure it. Forms are found from those of all directions so far (Frank and Wolfe's method). Undefined when the budget ends.
 */
export async function largestMoments(
  model: Classifier,
  node: GraphNode,
  { convolution, weights }: Spread,
  size: number,
  forms: (moments: Float64Array) => Float64Array,
  budget: Budget,
): Promise<Float64Array | undefined> {
  const { geometry, inputChannels, outputChannels } = convolution
  const compiled = await model.compile(`${size} moments of ${node.outputs[0]}`, () =>
    powerGraph(convolution, weights, size),
  )
  const shape = [directions, inputChannels, ...geometry.inputSizes]
  const random = randomSource(1)
  let points: Float32Array = Float32Array.from({ length: elementCount(shape) }, () => random.normal())
  const moments = Float64Array.from({ length: outputChannels * size }, (_, at) => {
    return at % size === Math.floor(at / size) % size ? 1 : 0
  })
  for (let round = 0; round < rounds; round++) {
    if (!(await budget.next())) return undefined
    const data = Float32Array.from(forms(moments))
    const results = await compiled.run({
      points: { type: 'float32', shape, data: points },
      forms: { type: 'float32', shape: [outputChannels / size, size, size], data },
    })
    points = results.next.data as Float32Array
    const weight = 2 / (round + 2)
    const found = results.moments.data as Float32Array
    found.forEach((moment, at) => {
      moments[at] = (1 - weight) * moments[at] + weight * moment
    })
  }
  return moments
}

/**
 * Some steps of power iteration: from `points` and the `forms` of every channel to `next`, points of unit length, and
 * `moments` of the outputs there.
 */
function powerGraph(convolution: Convolution, weights: Float64Array, size: number): Graph {
  const builder = new GraphBuilder(17)
  const { geometry, inputChannels, outputChannels, group } = convolution
  const shape = ['points', inputChannels, ...geometry.inputSizes]
  const outputSizes = windowOutputSizes(geometry)
  const channels = outputChannels / size
  const kernels = builder.floats(Float32Array.from(weights), [
    outputChannels,
    inputChannels / group,
    ...geometry.kernel,
  ])
  const forms = builder.input('forms', 'float32', [channels, size, size])
  const byChannel = (value: string) => {
    return builder.add('Reshape', [value, builder.ints([0, channels, size, elementCount(outputSizes)])])
  }
  const unit = (value: string) => {
    const square = builder.add('Mul', [value, value])
    const length = builder.add('Sqrt', [builder.add('ReduceSum', [square, builder.ints([1, 2, 3])], { keepdims: 1 })])
    return builder.add('Div', [value, builder.add('Max', [length, builder.scalar(1e-30)])])
  }
  let point = unit(builder.input('points', 'float32', shape))
  for (let step = 0; step < 3; step++) {
    const image = byChannel(emitConvolution(point, kernels, undefined, convolution, builder))
    const weighted = builder.add('MatMul', [forms, image])
    const unfolded = builder.add('Reshape', [weighted, builder.ints([0, outputChannels, ...outputSizes])])
    point = unit(emitTransposedConvolution(unfolded, kernels, undefined, convolution, builder))
  }
  const image = byChannel(emitConvolution(point, kernels, undefined, convolution, builder))
  const products = builder.add('MatMul', [image, builder.add('Transpose', [image], { perm: [0, 1, 3, 2] })])
  builder.output('next', point)
  builder.output('moments', builder.add('ReduceMean', [products], { axes: [0], keepdims: 0 }))
  return builder.build()
}
