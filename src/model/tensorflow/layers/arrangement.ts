import { perAxis, refuseChannelsFirst } from './convolutions.js'
import { type LayerRule, UntranslatableError } from './layer.js'
import { channelsFirst, channelsLast, reshaped } from './value.js'

const unchanged: LayerRule = ({ inputs: [x] }) => x

const reshape: LayerRule = ({ builder, inputs: [x], outputShape }) => reshaped(builder, x, { shape: outputShape })

/** [[top, bottom], [left, right]], also where the setting has one number for two of them, or for all. */
function margins(setting: unknown): number[][] {
  const [rows, columns] = Array.isArray(setting) ? setting : [setting, setting]
  return [perAxis(rows, 2, 0), perAxis(columns, 2, 0)]
}

export const arrangementLayers: Readonly<Record<string, LayerRule>> = {
  // At inference these do nothing.
  Dropout: unchanged,
  SpatialDropout1D: unchanged,
  GaussianDropout: unchanged,
  GaussianNoise: unchanged,
  AlphaDropout: unchanged,

  Flatten: reshape,
  Reshape: reshape,

  Permute: ({ builder, config, inputs: [x], outputShape }) => ({
    shape: outputShape,
    last: builder.add('Transpose', [channelsLast(builder, x)], { perm: [0, ...(config.dims as number[])] }),
  }),

  ZeroPadding2D({ builder, config, inputs: [x], outputShape }) {
    refuseChannelsFirst(config)
    const [[top, bottom], [left, right]] = margins(config.padding)
    const pads = builder.ints([0, 0, top, left, 0, 0, bottom, right])
    return { shape: outputShape, first: builder.add('Pad', [channelsFirst(builder, x), pads]) }
  },

  Cropping2D({ builder, config, inputs: [x], outputShape }) {
    refuseChannelsFirst(config)
    const [[top], [left]] = margins(config.cropping)
    const [rows, columns] = outputShape
    const bounds = [
      [top, left],
      [top + rows, left + columns],
      [2, 3],
    ].map((values) => builder.ints(values))
    return { shape: outputShape, first: builder.add('Slice', [channelsFirst(builder, x), ...bounds]) }
  },

  /** Every element becomes a block, by an axis of its own on each side. */
  UpSampling2D({ builder, config, inputs: [x], outputShape }) {
    refuseChannelsFirst(config)
    const { interpolation = 'nearest' } = config
    if (interpolation !== 'nearest') throw new UntranslatableError(`its interpolation is ${String(interpolation)}`)
    const [rows, columns, channels] = x.shape
    const [down, across] = perAxis(config.size, 2, 2)
    const apart = builder.add('Reshape', [channelsFirst(builder, x), builder.ints([0, channels, rows, 1, columns, 1])])
    const repeated = builder.add('Expand', [apart, builder.ints([1, 1, 1, down, 1, across])])
    const joined = builder.ints([0, channels, rows * down, columns * across])
    return { shape: outputShape, first: builder.add('Reshape', [repeated, joined]) }
  },
}
