import { denseLayers } from '../layers/dense.js'
import { UntranslatableError, type Weights } from '../layers/layer.js'
import { channelsLast, type Value } from '../layers/value.js'
import { fused } from './fused.js'
import { isSet, type NodeContext, type NodeRule, type Operand, textOf } from './node.js'
import { padded, sized, sizesOf } from './operands.js'

/** A product of matrices, or of stacks of them that broadcast; the attributes say which factors are transposed. */
const product =
  (left: string, right: string): NodeRule =>
  (context) => {
    const { builder, node, operands } = context
    const [first, second] = operands
    const transposes = [left, right].map((name) => isSet(node, name))
    return [
      fused(context, (bias) => {
        const isRow = 'value' in first && sizesOf(first.value).length === 2 && !first.value.isBare
        if (isRow && 'constant' in second && !transposes[0]) {
          const matrix = transposes[1] ? transposed(second.constant) : second.constant
          const config = { activation: 'linear' }
          const weights = bias ? [matrix, bias] : [matrix]
          return denseLayers.Dense({ builder, config, weights, inputs: [first.value], outputShape: [matrix.shape[1]] })
        }
        const value = multiply(context, [first, second], transposes)
        if (!bias) return value
        const biased = builder.add('Add', [channelsLast(builder, value), builder.floats(bias.data)])
        return { shape: value.shape, last: biased }
      }),
    ]
  }

function multiply(context: NodeContext, factors: readonly Operand[], transposes: readonly boolean[]): Value {
  const { builder, outputs } = context
  const sizes = sizesOf(outputs[0])
  // The rows of a matrix are no batch: every sample has a matrix of its own.
  const isBare = outputs[0].isBare || sizes.length === 2
  const shape = isBare ? sizes : sizes.slice(1)
  const names = factors.map((operand, index) => {
    if ('constant' in operand)
      return matrices(context, transposes[index] ? transposed(operand.constant) : operand.constant)
    const name = sized(context, operand.value, padded(sizesOf(operand.value), sizes.length), isBare)
    return transposes[index] ? exchanged(context, name, shape.length + 1) : name
  })
  return { shape, last: builder.add('MatMul', names) }
}

function exchanged({ builder }: NodeContext, name: string, rank: number): string {
  const perm = Array.from({ length: rank }, (_, axis) => axis)
  perm.push(...perm.splice(-2).reverse())
  return builder.add('Transpose', [name], { perm })
}

/** A constant stack of matrices, without the axes that say nothing. */
function matrices({ builder, outputs: [output] }: NodeContext, { data, shape }: Weights): string {
  const isSingle = shape.slice(0, -2).every((size) => size === 1)
  if (isSingle) return builder.floats(data, shape.slice(-2))
  const aligned = padded(shape, sizesOf(output).length)
  return builder.floats(data, output.isBare ? [1, ...aligned] : aligned)
}

function transposed({ data, shape }: Weights): Weights {
  const [rows, columns] = shape.slice(-2)
  const size = rows * columns
  return {
    data: data.map((_, index) => {
      const inside = index % size
      return data[index - inside + (inside % rows) * columns + Math.floor(inside / rows)]
    }),
    shape: [...shape.slice(0, -2), columns, rows],
  }
}

/** With the batch as its first letter, or as a letter of its own where it is none. */
const einsum: NodeRule = (context) => {
  const { builder, node, operands, outputs } = context
  const [output] = outputs
  const equation = (textOf(node, 'equation') ?? '').replaceAll(' ', '')
  const [left, right] = equation.split('->')
  const terms = left.split(',')
  const isBatch = (operand: Operand, term: string) =>
    'value' in operand ? !operand.value.isBare && term[0] === right[0] : !term.includes(right[0])
  const hasBatch = !output.isBare && operands.every((operand, index) => isBatch(operand, terms[index]))
  const letter = hasBatch ? '' : [...'ZYXWVUTSRQPONMLKJI'].find((free) => !equation.includes(free))
  if (letter === undefined) throw new UntranslatableError('its equation has too many letters')
  const inputs = operands.map((operand) =>
    'constant' in operand
      ? builder.floats(operand.constant.data, operand.constant.shape)
      : sized(context, operand.value, sizesOf(operand.value), !hasBatch),
  )
  const spelt = operands.map((operand, index) => ('value' in operand ? letter : '') + terms[index])
  const made = builder.add('Einsum', inputs, { equation: `${spelt.join(',')}->${letter}${right}` })
  return [{ shape: hasBatch ? output.shape : sizesOf(output), last: made }]
}

export const productNodes: Readonly<Record<string, NodeRule>> = {
  MatMul: product('transpose_a', 'transpose_b'),
  _FusedMatMul: product('transpose_a', 'transpose_b'),
  BatchMatMul: product('adj_x', 'adj_y'),
  BatchMatMulV2: product('adj_x', 'adj_y'),
  Einsum: einsum,
}
