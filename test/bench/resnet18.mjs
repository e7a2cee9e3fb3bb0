import { GraphBuilder } from '../../dist/esm/src/graph/builder.js'
import { encodeModel } from '../../dist/esm/src/graph/encode.js'
import { randomSource } from '../../dist/esm/src/sampling/random.js'

const stages = [
  { channels: 64, stride: 1 },
  { channels: 128, stride: 2 },
  { channels: 256, stride: 2 },
  { channels: 512, stride: 2 },
]
const blocksPerStage = 2

/**
 * ResNet-18 of 1000 classes as an ONNX file, with random weights (He, Zhang, Ren, Sun, "Deep residual learning for image
 * recognition", Table 1). Inputs are [batch, 3, size, size].
 */
export function resnet18(size) {
  const random = randomSource(1)
  const builder = new GraphBuilder(21)
  const normal = (shape, scale) => {
    const count = shape.reduce((product, length) => product * length)
    return builder.floats(
      Float32Array.from({ length: count }, () => scale * random.normal()),
      shape,
    )
  }
  const filled = (count, value) => builder.floats(new Float32Array(count).fill(value))
  const convolve = (input, from, to, kernel, stride) => {
    const weights = normal([to, from, kernel, kernel], Math.sqrt(2 / (from * kernel * kernel)))
    const pad = (kernel - 1) / 2
    const convolved = builder.add('Conv', [input, weights], {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [pad, pad, pad, pad],
    })
    const statistics = [filled(to, 1), filled(to, 0), filled(to, 0), filled(to, 1)]
    return builder.add('BatchNormalization', [convolved, ...statistics])
  }
  const block = (input, from, to, stride) => {
    const first = builder.add('Relu', [convolve(input, from, to, 3, stride)])
    const second = convolve(first, to, to, 3, 1)
    const shortcut = stride === 1 && from === to ? input : convolve(input, from, to, 1, stride)
    return builder.add('Relu', [builder.add('Add', [second, shortcut])])
  }

  const input = builder.input('input', 'float32', ['batch', 3, size, size])
  const stem = builder.add('Relu', [convolve(input, 3, 64, 7, 2)])
  let value = builder.add('MaxPool', [stem], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] })
  let from = 64
  for (const { channels, stride } of stages) {
    for (let index = 0; index < blocksPerStage; index++) {
      value = block(value, from, channels, index === 0 ? stride : 1)
      from = channels
    }
  }
  const pooled = builder.add('Flatten', [builder.add('GlobalAveragePool', [value])])
  builder.output('logits', builder.add('Gemm', [pooled, normal([from, 1000], 1 / Math.sqrt(from)), filled(1000, 0)]))
  return encodeModel(builder.build())
}
