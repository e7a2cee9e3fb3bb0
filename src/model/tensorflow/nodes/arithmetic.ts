import { activate, mapElements } from '../layers/activations.js'
import { UntranslatableError } from '../layers/layer.js'
import { broadcast } from './broadcast.js'
import type { NodeContext, NodeRule } from './node.js'
import { constantAt, valueAt } from './operands.js'

const activation =
  (name: string): NodeRule =>
  (context) => [activate(context.builder, valueAt(context, 0), name)]

const unary =
  (emit: (builder: NodeContext['builder'], x: string) => string): NodeRule =>
  (context) => [mapElements(valueAt(context, 0), (x) => emit(context.builder, x))]

const operator = (name: string) => unary((builder, x) => builder.add(name, [x]))

/** An operator on operands that broadcast. */
const joining =
  (emit: (builder: NodeContext['builder'], names: readonly string[]) => string): NodeRule =>
  (context) => [broadcast(context, context.operands, (names) => emit(context.builder, names))]

const binary = (name: string) => joining((builder, names) => builder.add(name, names))

export const arithmeticNodes: Readonly<Record<string, NodeRule>> = {
  Relu: activation('relu'),
  Relu6: activation('relu6'),
  Elu: activation('elu'),
  Selu: activation('selu'),
  Sigmoid: activation('sigmoid'),
  Tanh: activation('tanh'),
  Softplus: activation('softplus'),
  Softmax: activation('softmax'),
  LogSoftmax: activation('logSoftmax'),
  Abs: operator('Abs'),
  Ceil: operator('Ceil'),
  Cos: operator('Cos'),
  Erf: operator('Erf'),
  Exp: operator('Exp'),
  Expm1: unary((builder, x) => builder.add('Sub', [builder.add('Exp', [x]), builder.scalar(1)])),
  Floor: operator('Floor'),
  Log: operator('Log'),
  Log1p: unary((builder, x) => builder.add('Log', [builder.add('Add', [x, builder.scalar(1)])])),
  Neg: operator('Neg'),
  Round: operator('Round'),
  Sign: operator('Sign'),
  Sin: operator('Sin'),
  Sqrt: operator('Sqrt'),
  Square: unary((builder, x) => builder.add('Mul', [x, x])),
  Rsqrt: unary((builder, x) => builder.add('Div', [builder.scalar(1), builder.add('Sqrt', [x])])),
  Reciprocal: unary((builder, x) => builder.add('Div', [builder.scalar(1), x])),
  Add: binary('Add'),
  AddV2: binary('Add'),
  BiasAdd: binary('Add'),
  Sub: binary('Sub'),
  Mul: binary('Mul'),
  Div: binary('Div'),
  RealDiv: binary('Div'),
  Maximum: binary('Max'),
  Minimum: binary('Min'),

  /** A quotient by 0 is 0. */
  DivNoNan: joining((builder, [left, right]) => {
    const isZero = builder.add('Equal', [right, builder.scalar(0)])
    const quotient = builder.add('Div', [left, builder.add('Where', [isZero, builder.scalar(1), right])])
    return builder.add('Where', [isZero, builder.scalar(0), quotient])
  }),

  AddN: joining((builder, [first, ...others]) =>
    others.reduce((sum, other) => builder.add('Add', [sum, other]), first),
  ),

  SquaredDifference: joining((builder, names) => {
    const difference = builder.add('Sub', names)
    return builder.add('Mul', [difference, difference])
  }),

  /** The exponent is the same for all numbers. */
  Pow(context) {
    const { data } = constantAt(context, 1)
    if (data.length > 1) throw new UntranslatableError('it has several exponents')
    const { builder } = context
    return [mapElements(valueAt(context, 0), (x) => builder.add('Pow', [x, builder.scalar(data[0])]))]
  },

  ClipByValue(context) {
    const { builder } = context
    const bounds = [1, 2].map((index) => builder.scalar(constantAt(context, index).data[0]))
    return [mapElements(valueAt(context, 0), (x) => builder.add('Clip', [x, ...bounds]))]
  },
}
