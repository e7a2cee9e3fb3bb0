import { activate, mapElements } from '../layers/activations.js'
import { UntranslatableError, type Weights } from '../layers/layer.js'
import { channelsFirst, channelsLast, type Value } from '../layers/value.js'
import type { NodeContext, NodeRule } from './node.js'
import { valueAt } from './operands.js'

const activation =
  (name: string): NodeRule =>
  (context) => [activate(context.builder, valueAt(context, 0), name)]

const unary =
  (emit: (builder: NodeContext['builder'], x: string) => string): NodeRule =>
  (context) => [mapElements(valueAt(context, 0), (x) => emit(context.builder, x))]

const operator = (name: string) => unary((builder, x) => builder.add(name, [x]))

/** An operator on two operands that broadcast. */
const binary =
  (name: string): NodeRule =>
  (context) => [combine(name, context, 0, 1)]

function combine(name: string, context: NodeContext, left: number, right: number): Value {
  const { builder, operands, outputShapes } = context
  const [shape] = outputShapes
  const pair = [operands[left], operands[right]]
  const values = pair.flatMap((operand) => ('value' in operand ? [operand.value] : []))
  if (values.some((value) => value.shape.length !== shape.length)) {
    throw new UntranslatableError('its inputs differ in rank')
  }
  const isFirst = values.every((value) => value.first !== undefined)
  const names = pair.map((operand) => {
    if ('constant' in operand) return constant(context, operand.constant, shape.length, isFirst)
    return (isFirst ? channelsFirst : channelsLast)(builder, operand.value)
  })
  const output = builder.add(name, names)
  return isFirst ? { shape, first: output } : { shape, last: output }
}

/** A constant that is broadcast to a value whose samples have `rank` axes. */
function constant({ builder }: NodeContext, { data, shape }: Weights, rank: number, channelsFirst: boolean): string {
  const aligned = [...Array<number>(Math.max(0, rank + 1 - shape.length)).fill(1), ...shape]
  const [batch, ...sizes] = aligned
  if (batch !== 1) throw new UntranslatableError('it takes a constant that has a part for each sample')
  if (!channelsFirst) return builder.floats(data, [1, ...sizes])
  const channels = sizes.pop() ?? 1
  if (sizes.every((size) => size === 1)) return builder.floats(data, [1, channels, ...sizes])
  const last = builder.floats(data, [1, ...sizes, channels])
  return builder.add('Transpose', [last], { perm: [0, rank, ...sizes.map((_, axis) => axis + 1)] })
}

export const arithmeticNodes: Readonly<Record<string, NodeRule>> = {
  Relu: activation('relu'),
  Relu6: activation('relu6'),
  Elu: activation('elu'),
  Sigmoid: activation('sigmoid'),
  Tanh: activation('tanh'),
  Softplus: activation('softplus'),
  Softmax: activation('softmax'),
  LogSoftmax: activation('logSoftmax'),
  Abs: operator('Abs'),
  Exp: operator('Exp'),
  Log: operator('Log'),
  Neg: operator('Neg'),
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

  AddN(context) {
    const [first, ...others] = context.operands
    let sum = first
    for (const operand of others) {
      sum = { value: combine('Add', { ...context, operands: [sum, operand] }, 0, 1) }
    }
    return [valueAt({ ...context, operands: [sum] }, 0)]
  },
}
