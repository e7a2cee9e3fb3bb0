import { float } from '../../../graph/builder.js'
import { activate, mapElements } from './activations.js'
import { type LayerContext, type LayerRule, UntranslatableError } from './layer.js'
import { channelsFirst, channelsLast } from './value.js'

const isLastAxis = (axis: unknown, rank: number) => {
  const [single] = Array.isArray(axis) ? axis : [axis ?? -1]
  return (!Array.isArray(axis) || axis.length === 1) && (single === -1 || single === rank)
}

/** The weights that a normalisation has, which leaves out scale or centre where its settings say so. */
function affine({ config, weights }: LayerContext, channels: number): [Float32Array, Float32Array, Float32Array[]] {
  const rest = weights.map(({ data }) => data)
  const scale = config.scale === false ? new Float32Array(channels).fill(1) : rest.shift()!
  const centre = config.center === false ? new Float32Array(channels) : rest.shift()!
  return [scale, centre, rest]
}

export const denseLayers: Readonly<Record<string, LayerRule>> = {
  Dense({ builder, config, weights: [kernel, bias], inputs: [x], outputShape }) {
    const [value, matrix] = [channelsLast(builder, x), builder.floats(kernel.data, kernel.shape)]
    const vector = bias && builder.floats(bias.data)
    let output: string
    if (x.shape.length === 1) output = builder.add('Gemm', [value, matrix, ...(vector ? [vector] : [])])
    else {
      const product = builder.add('MatMul', [value, matrix])
      output = vector ? builder.add('Add', [product, vector]) : product
    }
    return activate(builder, { shape: outputShape, last: output }, config.activation)
  },

  BatchNormalization(layer) {
    const { builder, config, inputs, outputShape } = layer
    const [x] = inputs
    if (!isLastAxis(config.axis, x.shape.length)) throw new UntranslatableError('its axis is not the last one')
    const [scale, centre, [mean, variance]] = affine(layer, x.shape[x.shape.length - 1])
    const parameters = [scale, centre, mean, variance].map((values) => builder.floats(values))
    const epsilon = float(Number(config.epsilon ?? 1e-3))
    const value = x.shape.length === 1 ? channelsLast(builder, x) : channelsFirst(builder, x)
    const output = builder.add('BatchNormalization', [value, ...parameters], { epsilon })
    return x.shape.length === 1 ? { shape: outputShape, last: output } : { shape: outputShape, first: output }
  },

  LayerNormalization(layer) {
    const { builder, config, inputs, outputShape } = layer
    const [x] = inputs
    if (!isLastAxis(config.axis, x.shape.length)) throw new UntranslatableError('its axis is not the last one')
    const [scale, centre] = affine(layer, x.shape[x.shape.length - 1])
    const mean = (value: string) => builder.add('ReduceMean', [value, builder.ints([x.shape.length])])
    const value = channelsLast(builder, x)
    const centred = builder.add('Sub', [value, mean(value)])
    const variance = mean(builder.add('Mul', [centred, centred]))
    const spread = builder.add('Sqrt', [builder.add('Add', [variance, builder.scalar(Number(config.epsilon ?? 1e-3))])])
    const scaled = builder.add('Mul', [builder.add('Div', [centred, spread]), builder.floats(scale)])
    return { shape: outputShape, last: builder.add('Add', [scaled, builder.floats(centre)]) }
  },

  Rescaling: ({ builder, config, inputs: [x] }) =>
    mapElements(x, (value) =>
      builder.add('Add', [
        builder.add('Mul', [value, builder.scalar(Number(config.scale))]),
        builder.scalar(Number(config.offset ?? 0)),
      ]),
    ),
}
