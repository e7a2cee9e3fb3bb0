import { type GraphNode, isBatch, stringAttribute } from '../graph/graph.js'
import type { Decomposition, DecompositionContext } from './decomposition.js'

// What an ellipsis stands for, aligned to the right.
const ellipsis = 'ABCDEFGH'

/** A value whose axes have letters. */
interface Operand {
  readonly value: string
  readonly letters: readonly string[]
}

/** What the equation says, with the ellipsis spelt out. */
interface Equation {
  readonly operands: readonly Operand[]
  readonly output: readonly string[]
  /** Size of each letter; the batch has none. */
  readonly sizes: ReadonlyMap<string, number>
  readonly batch: string | undefined
}

/** Einsum as Transpose, ReduceSum, Reshape and MatMul, two operands at a time. */
export const einsum: Decomposition = {
  operator: 'Einsum',
  coversRounding: true,
  decompose(node, context) {
    const equation = parse(node, context)
    if (!equation) return undefined
    const { operands, output } = equation
    const [first, ...others] = operands
    const result = others.reduce((left, right, index) => {
      const later = others.slice(index + 1).flatMap(({ letters }) => letters)
      return emitProduct(left, right, new Set([...output, ...later]), equation, context)
    }, first)
    return [emitOrdered(emitSummed(result, new Set(output), context), output, context)]
  },
}

function parse(node: GraphNode, { shape }: DecompositionContext): Equation | undefined {
  const [left, right] = stringAttribute(node, 'equation', '').replaceAll(' ', '').split('->')
  const terms = left.split(',')
  if (terms.length !== node.inputs.length) return undefined
  const hidden = (term: string, rank: number) => (term.includes('...') ? rank - (term.length - 3) : 0)
  const ranks = node.inputs.map((value) => shape(value).length)
  const broad = Math.max(...terms.map((term, index) => hidden(term, ranks[index])))
  if (broad > ellipsis.length || (broad > 0 && /[A-H]/.test(left))) return undefined
  const spelt = (term: string, count: number) => [...term.replace('...', ellipsis.slice(ellipsis.length - count))]
  const operands = node.inputs.map((value, index) => ({
    value,
    letters: spelt(terms[index], hidden(terms[index], ranks[index])),
  }))
  if (operands.some(({ letters }) => new Set(letters).size < letters.length)) return undefined
  const output = right === undefined ? implicitOutput(operands, broad) : spelt(right, broad)
  const sizes = new Map<string, number>()
  let batch: string | undefined
  for (const { value, letters } of operands) {
    for (const [axis, letter] of letters.entries()) {
      const size = shape(value)[axis]
      if (!isBatch(size)) {
        // Axes of size 1 that are broadcast are rare, and not worth their code.
        if ((sizes.get(letter) ?? size) !== size) return undefined
        sizes.set(letter, size)
      } else if (size.batch !== 1 || (batch ?? letter) !== letter) return undefined
      else batch = letter
    }
  }
  return batch !== undefined && sizes.has(batch) ? undefined : { operands, output, sizes, batch }
}

/** The letters of the ellipsis, then those that occur once, in alphabetical order. */
function implicitOutput(operands: readonly Operand[], broad: number): string[] {
  const all = operands.flatMap(({ letters }) => letters)
  const first = [...ellipsis.slice(ellipsis.length - broad)]
  const once = all.filter((letter) => all.indexOf(letter) === all.lastIndexOf(letter) && !first.includes(letter))
  return [...first, ...once.sort()]
}

/** Sums over the letters that nothing needs any more. */
function emitSummed(
  { value, letters }: Operand,
  kept: ReadonlySet<string>,
  { builder }: DecompositionContext,
): Operand {
  const axes = letters.flatMap((letter, axis) => (kept.has(letter) ? [] : [axis]))
  if (axes.length === 0) return { value, letters }
  const summed = builder.add('ReduceSum', [value, builder.ints(axes)], { keepdims: 0 })
  return { value: summed, letters: letters.filter((letter) => kept.has(letter)) }
}

function emitOrdered({ value, letters }: Operand, order: readonly string[], { builder }: DecompositionContext): string {
  const perm = order.map((letter) => letters.indexOf(letter))
  return perm.every((axis, index) => axis === index) ? value : builder.add('Transpose', [value], { perm })
}

/** A matrix product per element of the letters that both operands and the result have; the batch comes first. */
function emitProduct(
  left: Operand,
  right: Operand,
  kept: ReadonlySet<string>,
  { sizes, batch }: Equation,
  context: DecompositionContext,
): Operand {
  const { builder } = context
  const only = (operand: Operand, other: Operand) => emitSummed(operand, new Set([...kept, ...other.letters]), context)
  const [first, second] = [only(left, right), only(right, left)]
  const isShared = (letter: string) => first.letters.includes(letter) && second.letters.includes(letter)
  const isLead = (letter: string) => letter === batch || (isShared(letter) && kept.has(letter))
  const lead = [...new Set([...first.letters, ...second.letters])]
    .filter((letter) => isLead(letter))
    .sort((one, other) => Number(other === batch) - Number(one === batch))
  const contracted = first.letters.filter((letter) => isShared(letter) && !isLead(letter))
  const free = (operand: Operand) => operand.letters.filter((letter) => !isLead(letter) && !contracted.includes(letter))
  const [rows, columns] = [free(first), free(second)]
  const count = (letters: readonly string[]) => letters.reduce((product, letter) => product * sizes.get(letter)!, 1)
  const asMatrix = (operand: Operand, groups: readonly (readonly string[])[]) => {
    const own = lead.filter((letter) => operand.letters.includes(letter))
    const ordered = emitOrdered(operand, [...own, ...groups.flat()], context)
    const shape = [...own.map((letter) => (letter === batch ? 0 : sizes.get(letter)!)), ...groups.map(count)]
    return builder.add('Reshape', [ordered, builder.ints(shape)])
  }
  const product = builder.add('MatMul', [asMatrix(first, [rows, contracted]), asMatrix(second, [contracted, columns])])
  const letters = [...lead, ...rows, ...columns]
  const shape = letters.map((letter) => (letter === batch ? 0 : sizes.get(letter)!))
  return { value: builder.add('Reshape', [product, builder.ints(shape)]), letters }
}
