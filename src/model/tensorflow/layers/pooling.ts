import { pads, perAxis, refuseChannelsFirst } from './convolutions.js'
import type { LayerContext, LayerRule } from './layer.js'
import { channelsFirst } from './value.js'

/** Windows over the spatial axes. What pads an average is not counted. */
const pool =
  (operator: 'MaxPool' | 'AveragePool'): LayerRule =>
  ({ builder, config, inputs: [x], outputShape }) => {
    refuseChannelsFirst(config)
    const rank = x.shape.length - 1
    const kernel = perAxis(config.poolSize, rank, 2)
    const strides = config.strides == null ? kernel : perAxis(config.strides, rank, 1)
    const windows = { kernel, strides, dilations: perAxis(undefined, rank, 1) }
    const attributes = { kernel_shape: kernel, strides, pads: pads(config, x, windows) }
    return { shape: outputShape, first: builder.add(operator, [channelsFirst(builder, x)], attributes) }
  }

const poolAll =
  (operator: 'GlobalMaxPool' | 'GlobalAveragePool'): LayerRule =>
  ({ builder, config, inputs: [x], outputShape }: LayerContext) => {
    refuseChannelsFirst(config)
    const pooled = builder.add(operator, [channelsFirst(builder, x)])
    return { shape: outputShape, last: builder.add('Reshape', [pooled, builder.ints([0, ...outputShape])]) }
  }

export const poolingLayers: Readonly<Record<string, LayerRule>> = {
  MaxPooling1D: pool('MaxPool'),
  MaxPooling2D: pool('MaxPool'),
  AveragePooling1D: pool('AveragePool'),
  AveragePooling2D: pool('AveragePool'),
  GlobalMaxPooling1D: poolAll('GlobalMaxPool'),
  GlobalMaxPooling2D: poolAll('GlobalMaxPool'),
  GlobalAveragePooling1D: poolAll('GlobalAveragePool'),
  GlobalAveragePooling2D: poolAll('GlobalAveragePool'),
}
