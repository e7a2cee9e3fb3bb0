import type { GraphBuilder } from '../graph/builder.js'
import { type GraphNode, intAttribute, isBatch, stringAttribute } from '../graph/graph.js'
import type { Decomposition, DecompositionContext } from './decomposition.js'

/** Weights of one direction: names, and the number of hidden units. */
interface Direction {
  /** [gates·hidden, features] and [gates·hidden, hidden] */
  readonly weights: string
  readonly recurrence: string
  /** [gates·hidden] each */
  readonly bias: string | undefined
  readonly recurrentBias: string | undefined
  /** Peepholes [gates·hidden] of an LSTM. */
  readonly peepholes: string | undefined
  readonly hidden: number
  activation(index: number, value: string): string
}

/** One step: from x·Wᵀ + b of the step and the state before to the state after. */
type Cell = (projected: string, state: State, direction: Direction, builder: GraphBuilder) => State

interface State {
  /** [batch, hidden] */
  readonly hidden: string
  readonly cell?: string
}

function recurrent(
  operator: string,
  gates: number,
  defaults: readonly string[],
  cellOf: (node: GraphNode) => Cell,
): Decomposition {
  return {
    operator,
    // The runtime's kernels approximate Sigmoid and Tanh in ways of their own.
    coversRounding: false,
    decompose(node, context) {
      const sequence = describeSequence(node, context)
      if (!sequence) return undefined
      const names = node.attributes.get('activations')
      const functions = names?.kind === 'strings' ? names.value : sequence.directions.flatMap(() => defaults)
      // Lists of parameters belong to activations that no exporter writes.
      if (['activation_alpha', 'activation_beta', 'clip'].some((name) => node.attributes.has(name))) return undefined
      // Coupled gates.
      if (intAttribute(node, 'input_forget', 0) !== 0) return undefined
      if (!functions.every((name) => ['Sigmoid', 'Tanh', 'Relu'].includes(name))) return undefined
      const { builder } = context
      const ran = sequence.directions.map((isReversed, index) => {
        const activation = (which: number, value: string) =>
          builder.add(functions[index * defaults.length + which], [value])
        const direction = { ...directionOf(node, index, gates, context), activation }
        return unroll(cellOf(node), direction, isReversed, index, node, sequence, context)
      })
      return stackOutputs(node, ran, sequence, builder)
    },
  }
}

interface Sequence {
  readonly length: number
  /** Whether each direction runs backwards. */
  readonly directions: readonly boolean[]
  /** Layout 1 has the batch before the time. */
  readonly batchFirst: boolean
}

function describeSequence(node: GraphNode, { shape, constant }: DecompositionContext): Sequence | undefined {
  const batchFirst = intAttribute(node, 'layout', 0) === 1
  const [first, second] = shape(node.inputs[0])
  const [batch, length] = batchFirst ? [first, second] : [second, first]
  if (typeof length !== 'number' || !isBatch(batch)) return undefined
  // Sequences that end early are covered only if all of them have the full length.
  const lengths = node.inputs[4] && constant(node.inputs[4])
  if (
    node.inputs[4] &&
    !(lengths && Array.from<number | bigint, number>(lengths.data, Number).every((one) => one === length))
  )
    return undefined
  const kinds: Record<string, readonly boolean[]> = { forward: [false], reverse: [true], bidirectional: [false, true] }
  const directions = kinds[stringAttribute(node, 'direction', 'forward')]
  return directions && { length, directions, batchFirst }
}

function directionOf(node: GraphNode, index: number, gates: number, { builder, shape }: DecompositionContext) {
  const [, weights, recurrence, bias] = node.inputs
  const peepholes = node.inputs[7]
  const pick = (value: string) => builder.add('Gather', [value, builder.int(index)], { axis: 0 })
  const [, rows] = shape(weights) as readonly number[]
  const [own, recurrent] = bias
    ? builder.addMany('Split', [pick(bias), builder.ints([rows, rows])], 2, { axis: 0 })
    : []
  return {
    weights: pick(weights),
    recurrence: pick(recurrence),
    bias: own,
    recurrentBias: recurrent,
    peepholes: peepholes ? pick(peepholes) : undefined,
    hidden: rows / gates,
  }
}

interface Ran {
  /** Hidden states in the order of time, and the state after the last step. */
  readonly states: readonly string[]
  readonly last: State
}

function unroll(
  cell: Cell,
  direction: Direction,
  isReversed: boolean,
  index: number,
  node: GraphNode,
  { length, batchFirst }: Sequence,
  context: DecompositionContext,
): Ran {
  const { builder } = context
  const time = batchFirst ? 1 : 0
  const zero = builder.floats(new Float32Array(direction.hidden), [1, direction.hidden])
  const initial = (value: string | undefined) =>
    value ? builder.add('Gather', [value, builder.int(index)], { axis: batchFirst ? 1 : 0 }) : zero
  let state: State = { hidden: initial(node.inputs[5]), cell: initial(node.inputs[6]) }
  const transposed = builder.add('Transpose', [direction.weights], { perm: [1, 0] })
  const states: string[] = []
  for (let step = 0; step < length; step++) {
    const position = isReversed ? length - 1 - step : step
    const input = builder.add('Gather', [node.inputs[0], builder.int(position)], { axis: time })
    const product = builder.add('MatMul', [input, transposed])
    const projected = direction.bias ? builder.add('Add', [product, direction.bias]) : product
    state = cell(projected, state, direction, builder)
    states[position] = state.hidden
  }
  return { states, last: state }
}

/** h·Rᵀ + b */
function emitRecurrence({ hidden }: State, { recurrence, recurrentBias }: Direction, builder: GraphBuilder): string {
  const product = builder.add('MatMul', [hidden, builder.add('Transpose', [recurrence], { perm: [1, 0] })])
  return recurrentBias ? builder.add('Add', [product, recurrentBias]) : product
}

function splitGates(value: string, count: number, hidden: number, builder: GraphBuilder): string[] {
  return builder.addMany('Split', [value, builder.ints(Array.from({ length: count }, () => hidden))], count, {
    axis: -1,
  })
}

const simpleCell: Cell = (projected, state, direction, builder) => ({
  hidden: direction.activation(0, builder.add('Add', [projected, emitRecurrence(state, direction, builder)])),
})

/** Gates in ONNX's order: input, output, forget, cell. */
const lstmCell: Cell = (projected, state, direction, builder) => {
  const add = (left: string, right: string) => builder.add('Add', [left, right])
  const multiply = (left: string, right: string) => builder.add('Mul', [left, right])
  const { hidden, activation, peepholes } = direction
  const all = add(projected, emitRecurrence(state, direction, builder))
  const [inputGate, outputGate, forgetGate, candidate] = splitGates(all, 4, hidden, builder)
  const [toInput, toOutput, toForget] = peepholes
    ? builder.addMany('Split', [peepholes, builder.ints([hidden, hidden, hidden])], 3, { axis: 0 })
    : []
  const peep = (gate: string, cell: string, weight: string | undefined) =>
    activation(0, weight ? add(gate, multiply(cell, weight)) : gate)
  const before = state.cell!
  const kept = multiply(peep(forgetGate, before, toForget), before)
  const cell = add(kept, multiply(peep(inputGate, before, toInput), activation(1, candidate)))
  return { hidden: multiply(peep(outputGate, cell, toOutput), activation(2, cell)), cell }
}

/** Gates in ONNX's order: update, reset, hidden. */
const gruCell =
  (node: GraphNode): Cell =>
  (projected, state, direction, builder) => {
    const { hidden, activation, recurrence, recurrentBias } = direction
    const [updateInput, resetInput, hiddenInput] = splitGates(projected, 3, hidden, builder)
    const gate = (input: string, recurrent: string) => activation(0, builder.add('Add', [input, recurrent]))
    const part = (value: string, index: number) =>
      builder.add('Slice', [
        value,
        builder.ints([index * hidden]),
        builder.ints([(index + 1) * hidden]),
        builder.ints([0]),
      ])
    const recurrent = (index: number, source: State) => {
      const bias = recurrentBias && part(recurrentBias, index)
      return emitRecurrence(source, { ...direction, recurrence: part(recurrence, index), recurrentBias: bias }, builder)
    }
    const update = gate(updateInput, recurrent(0, state))
    const reset = gate(resetInput, recurrent(1, state))
    const remembered =
      intAttribute(node, 'linear_before_reset', 0) !== 0
        ? builder.add('Mul', [reset, recurrent(2, state)])
        : recurrent(2, { hidden: builder.add('Mul', [reset, state.hidden]) })
    const candidate = activation(1, builder.add('Add', [hiddenInput, remembered]))
    // (1 − z)·candidate + z·state
    const moved = builder.add('Mul', [update, builder.add('Sub', [state.hidden, candidate])])
    return { hidden: builder.add('Add', [candidate, moved]) }
  }

/** Y [time, directions, batch, hidden], and the last states [directions, batch, hidden]; layout 1 has the batch first. */
function stackOutputs(
  node: GraphNode,
  ran: readonly Ran[],
  { length, batchFirst }: Sequence,
  builder: GraphBuilder,
): string[] {
  const axes = (layout0: readonly number[], layout1: readonly number[]) => builder.ints(batchFirst ? layout1 : layout0)
  const concat = (parts: readonly string[], axis: number) =>
    parts.length === 1 ? parts[0] : builder.add('Concat', parts, { axis })
  const all = () => {
    const steps = Array.from({ length }, (_, step) => {
      const directions = ran.map(({ states }) => builder.add('Unsqueeze', [states[step], axes([0, 1], [1, 2])]))
      return concat(directions, batchFirst ? 2 : 1)
    })
    return concat(steps, batchFirst ? 1 : 0)
  }
  const last = (part: keyof State) =>
    concat(
      ran.map((one) => builder.add('Unsqueeze', [one.last[part]!, axes([0], [1])])),
      batchFirst ? 1 : 0,
    )
  const makers = [all, () => last('hidden'), () => last('cell')]
  return node.outputs.map((output, index) => (output === '' ? '' : makers[index]()))
}

export const recurrences: readonly Decomposition[] = [
  recurrent('RNN', 1, ['Tanh'], () => simpleCell),
  recurrent('LSTM', 4, ['Sigmoid', 'Tanh', 'Tanh'], () => lstmCell),
  recurrent('GRU', 3, ['Sigmoid', 'Tanh'], gruCell),
]
