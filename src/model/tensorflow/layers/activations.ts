import { float, type GraphBuilder } from '../../../graph/builder.js'
import { type LayerRule, UntranslatableError } from './layer.js'
import { channelsLast, formOf, type Value } from './value.js'

type Emit = (builder: GraphBuilder, x: string) => string

const times = (builder: GraphBuilder, value: string, factor: number) =>
  builder.add('Mul', [value, builder.scalar(factor)])
const plus = (builder: GraphBuilder, value: string, term: number) => builder.add('Add', [value, builder.scalar(term)])
const operator =
  (name: string): Emit =>
  (builder, x) =>
    builder.add(name, [x])
const clip =
  (low: number, high: number): Emit =>
  (builder, x) =>
    builder.add('Clip', [x, builder.scalar(low), builder.scalar(high)])

// As TensorFlow.js has them.
const [seluAlpha, seluScale] = [1.6732632423543772, 1.0507009873554805]

/** x · (1 + sigmoid(inner)) / 2 for the sigmoid-like function that `emit` gives, from −1 to 1. */
const half = (builder: GraphBuilder, x: string, sign: string) =>
  times(builder, builder.add('Mul', [x, plus(builder, sign, 1)]), 0.5)

/** Activations that act element by element, by their names in TensorFlow.js. */
const elementwise: Readonly<Record<string, Emit>> = {
  linear: (_, x) => x,
  relu: operator('Relu'),
  relu6: clip(0, 6),
  elu: operator('Elu'),
  selu: (builder, x) => times(builder, builder.add('Elu', [x], { alpha: float(seluAlpha) }), seluScale),
  sigmoid: operator('Sigmoid'),
  hardSigmoid: (builder, x) => builder.add('HardSigmoid', [x], { alpha: float(0.2), beta: float(0.5) }),
  softplus: operator('Softplus'),
  softsign: (builder, x) => builder.add('Div', [x, plus(builder, builder.add('Abs', [x]), 1)]),
  tanh: operator('Tanh'),
  swish: (builder, x) => builder.add('Mul', [x, builder.add('Sigmoid', [x])]),
  mish: (builder, x) => builder.add('Mul', [x, builder.add('Tanh', [builder.add('Softplus', [x])])]),
  gelu: (builder, x) => half(builder, x, builder.add('Erf', [times(builder, x, Math.SQRT1_2)])),
}

/** The value behind an activation. */
export function activate(builder: GraphBuilder, value: Value, activation: unknown): Value {
  if (activation === 'softmax' || activation === 'logSoftmax') {
    const name = activation === 'softmax' ? 'Softmax' : 'LogSoftmax'
    return { ...formOf(value), last: builder.add(name, [channelsLast(builder, value)], { axis: -1 }) }
  }
  const emit = elementwise[String(activation)]
  if (!emit) throw new UntranslatableError(`its activation ${String(activation)} has no translation`)
  return mapElements(value, (x) => emit(builder, x))
}

/** The same operators on a value in the form that it has, channels first if it has both. */
export function mapElements(value: Value, emit: (x: string) => string): Value {
  return value.first ? { ...formOf(value), first: emit(value.first) } : { ...formOf(value), last: emit(value.last!) }
}

export const activationLayers: Readonly<Record<string, LayerRule>> = {
  Activation: ({ builder, config, inputs: [x] }) => activate(builder, x, config.activation),

  ReLU: ({ builder, config, inputs: [x] }) =>
    mapElements(x, (value) =>
      typeof config.maxValue === 'number' ? clip(0, config.maxValue)(builder, value) : builder.add('Relu', [value]),
    ),

  LeakyReLU: ({ builder, config, inputs: [x] }) =>
    mapElements(x, (value) => builder.add('LeakyRelu', [value], { alpha: float(Number(config.alpha ?? 0.3)) })),

  ELU: ({ builder, inputs: [x] }) => mapElements(x, (value) => builder.add('Elu', [value])),

  PReLU: ({ builder, weights: [alpha], inputs: [x] }) => ({
    shape: x.shape,
    last: builder.add('PRelu', [channelsLast(builder, x), builder.floats(alpha.data, alpha.shape)]),
  }),

  Softmax({ builder, config, inputs: [x] }) {
    // One axis is the last one: TensorFlow.js has no other.
    if (Array.isArray(config.axis) && config.axis.length > 1) throw new UntranslatableError('it has several axes')
    return activate(builder, x, 'softmax')
  },
}
