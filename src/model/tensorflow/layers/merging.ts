import { type LayerContext, type LayerRule, UntranslatableError } from './layer.js'
import { channelsFirst, channelsLast } from './value.js'

/** All inputs in the same form: channels first where all of them have it, and axes to put there. */
function inOneForm({ builder, inputs }: LayerContext): { names: string[]; isFirst: boolean } {
  const [{ shape }] = inputs
  if (inputs.some((value) => value.shape.length !== shape.length)) {
    throw new UntranslatableError('its inputs differ in rank')
  }
  const isFirst = inputs.every((value) => value.first !== undefined)
  return { names: inputs.map((value) => (isFirst ? channelsFirst : channelsLast)(builder, value)), isFirst }
}

const merge =
  (combine: (layer: LayerContext, names: string[]) => string): LayerRule =>
  (layer) => {
    const { names, isFirst } = inOneForm(layer)
    const output = combine(layer, names)
    return isFirst ? { shape: layer.outputShape, first: output } : { shape: layer.outputShape, last: output }
  }

/** One after the other: the operators of the runtime that take any number have no rules for that. */
const fold =
  (operator: string) =>
  ({ builder }: LayerContext, [first, ...others]: string[]) =>
    others.reduce((left, right) => builder.add(operator, [left, right]), first)

export const mergingLayers: Readonly<Record<string, LayerRule>> = {
  Add: merge(fold('Add')),
  Multiply: merge(fold('Mul')),
  Maximum: merge(fold('Max')),
  Minimum: merge(fold('Min')),
  Average: merge((layer, names) =>
    layer.builder.add('Mul', [fold('Add')(layer, names), layer.builder.scalar(1 / names.length)]),
  ),

  Concatenate(layer) {
    const { builder, config, outputShape } = layer
    const { names, isFirst } = inOneForm(layer)
    const rank = outputShape.length
    const axis = Number(config.axis ?? -1)
    const last = axis < 0 ? axis + rank + 1 : axis
    const output = builder.add('Concat', names, { axis: isFirst ? (last === rank ? 1 : last + 1) : last })
    return isFirst ? { shape: outputShape, first: output } : { shape: outputShape, last: output }
  },
}
