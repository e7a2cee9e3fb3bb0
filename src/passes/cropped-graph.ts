import type { Attribute, GraphNode, TypedGraph, ValueType } from '../graph/graph.js'
import type { Window } from './crop-window.js'

/** What a node needs of a value of which another one needs more. */
export interface Part {
  readonly of: string
  readonly window: Window
}

/** Adds to `parts` the values that it makes of parts of others. */
export function croppedGraph(
  graph: TypedGraph,
  target: string,
  wanted: ReadonlyMap<string, Window>,
  parts: Map<string, Part>,
  nodes: readonly { node: GraphNode; inputs: readonly (Window | undefined)[] }[],
): TypedGraph {
  const constants = new Map(graph.constants)
  const values = new Map<string, ValueType>(graph.values)
  const type = (value: string, length: readonly number[]): ValueType => {
    const { type: element, shape } = graph.values.get(value)!
    return { type: element, shape: [...shape.slice(0, 2), ...length] }
  }
  for (const [value, { length }] of wanted) values.set(value, type(value, length))

  const ints = (name: string, numbers: readonly number[]) => {
    constants.set(name, { type: 'int64', shape: [numbers.length], data: BigInt64Array.from(numbers, BigInt) })
    values.set(name, { type: 'int64', shape: [numbers.length] })
    return name
  }
  const cropped = nodes.flatMap(({ node, inputs }): GraphNode[] => {
    const slices: GraphNode[] = []
    const names = node.inputs.map((input, index) => {
      const need = inputs[index]
      const has = wanted.get(input)
      if (!need || !has || need.length.every((length, axis) => length === has.length[axis])) return input
      // Another consumer needs more of this value.
      const name = `${input} as ${node.outputs[0]} needs it`
      const first = need.start.map((start, axis) => start - has.start[axis])
      const bounds = [
        ints(`${name}: starts`, first),
        ints(
          `${name}: ends`,
          first.map((start, axis) => start + need.length[axis]),
        ),
        ints(
          `${name}: axes`,
          first.map((_, axis) => axis + 2),
        ),
      ]
      values.set(name, type(input, need.length))
      parts.set(name, { of: input, window: need })
      slices.push({
        operator: 'Slice',
        name,
        domain: '',
        inputs: [input, ...bounds],
        outputs: [name],
        attributes: new Map(),
      })
      return name
    })
    return [...slices, { ...node, inputs: names, attributes: withoutPads(node) }]
  })
  const [input] = graph.inputs
  const shape = [input.shape![0], input.shape![1], ...wanted.get(input.name)!.length]
  return { ...graph, inputs: [{ ...input, shape }], outputs: [{ name: target }], nodes: cropped, constants, values }
}

// Padding is part of the windows already.
function withoutPads(node: GraphNode): ReadonlyMap<string, Attribute> {
  const attributes = new Map(node.attributes)
  attributes.delete('pads')
  attributes.delete('auto_pad')
  return attributes
}
