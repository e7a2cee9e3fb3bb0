import { readFileSync } from 'node:fs'
import { GraphBuilder } from '../../../dist/esm/src/graph/builder.js'
import { encodeModel } from '../../../dist/esm/src/graph/encode.js'

/** The small MNIST networks that train.py made: name and ONNX file of each. */
export function trainedNetworks() {
  const networks = JSON.parse(readFileSync(new URL('networks.json', import.meta.url), 'utf8'))
  return Object.entries(networks).map(([name, layers]) => ({ name, bytes: encodeModel(graphOf(layers)) }))
}

function graphOf(layers) {
  const builder = new GraphBuilder(17)
  let value = builder.add('Flatten', [builder.input('input', 'float32', ['batch', 1, 28, 28])])
  layers.forEach(({ shape, scale, weights, bias }, index) => {
    const integers = new Int8Array(Buffer.from(weights, 'base64'))
    const matrix = builder.floats(
      Float32Array.from(integers, (integer) => scale * integer),
      shape,
    )
    value = builder.add('Gemm', [value, matrix, builder.floats(bias)], { transB: 1 })
    if (index < layers.length - 1) value = builder.add('Relu', [value])
  })
  builder.output('logits', value)
  return builder.build()
}
