import { float } from '../../../graph/builder.js'
import { activate, mapElements } from '../layers/activations.js'
import { UntranslatableError, type Weights } from '../layers/layer.js'
import { channelsLast, formOf, type Value } from '../layers/value.js'
import { type NodeContext, numberOf, textsOf } from './node.js'
import { constantAt } from './operands.js'

/** What a fused node does to its product: adds a bias, and bends it. */
export function fused(context: NodeContext, product: (bias: Weights | undefined) => Value): Value {
  const { builder, node } = context
  const [first, ...rest] = textsOf(node, 'fused_ops')
  if (first === undefined) return product(undefined)
  const hasBias = first === 'BiasAdd'
  const value = product(hasBias ? constantAt(context, 2) : undefined)
  const [activation = 'Linear', ...others] = hasBias ? rest : [first, ...rest]
  if (others.length > 0) throw new UntranslatableError(`it is fused with ${others.join(' and ')}`)
  if (activation === 'LeakyRelu') return leaky(builder, value, numberOf(node, 'leakyrelu_alpha', 0.2))
  if (activation === 'Prelu') return prelu(builder, value, constantAt(context, 3))
  return activate(builder, value, activation.toLowerCase())
}

export function leaky(builder: NodeContext['builder'], value: Value, slope: number): Value {
  return mapElements(value, (x) => builder.add('LeakyRelu', [x], { alpha: float(slope) }))
}

export function prelu(builder: NodeContext['builder'], value: Value, { data, shape }: Weights): Value {
  const slopes = builder.floats(data, shape.length > value.shape.length ? shape.slice(1) : shape)
  return { ...formOf(value), last: builder.add('PRelu', [channelsLast(builder, value), slopes]) }
}
