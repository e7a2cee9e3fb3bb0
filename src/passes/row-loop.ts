import type { GraphBuilder } from '../graph/builder.js'
import type { Graph, GraphNode } from '../graph/graph.js'

/** Graph input that tells the sample of each row or, in a graph to loop over, of all rows. */
export const sampleOfRow = 'sampleOfRow'

/** Names of the graph inputs that say which rows there are. */
export const groupNames = { sample: 'sampleOfGroup', count: 'rowsOfGroup', slots: 'slotsOfGroup' }

/**
 * Turns a graph for rows into one for groups of rows, as a Scan with a turn for each group: what depends on the samples
 * alone is computed once, outside of it, and the numbers of one turn stay in the cache.
 *
 * `flat` has inputs for rows, [rows, …], which become [groups, rows, …], and so do the outputs. New inputs tell how many
 * rows of each group are in use (int64 [groups, 1]), and for every place in [groups, rows] (int64) the row in use that
 * stands there: the same as its place, or one that stands in where there are too few. Where {@link sampleOfRow} is
 * [1], all rows of a group are of one sample (int32 [groups]), whose values are spread over them without being copied.
 */
export function loopOverGroups(flat: Graph, builder: GraphBuilder): Graph {
  const rowInputs = flat.inputs.filter(({ shape }) => shape?.[0] === 'rows')
  const { inner, outside, entering } = splitNodes(flat, new Set(rowInputs.map(({ name }) => name)))

  const outer = builder.body()
  const groupSamples = new Map<string, string>()
  for (const { name, type, shape } of flat.inputs) {
    const isOfRows = shape?.[0] === 'rows'
    if (isOfRows) outer.input(name, type, ['groups', ...shape])
    else if (name === sampleOfRow) groupSamples.set(name, outer.input(groupNames.sample, type, ['groups']))
    else outer.input(name, type, shape)
  }
  const counts = outer.input(groupNames.count, 'int64', ['groups', 1])
  const slots = outer.input(groupNames.slots, 'int64', ['groups', 'rows'])
  for (const [name, tensor] of flat.constants) outer.constant(tensor, name)
  for (const node of outside) outer.node(renamed(node, groupSamples))

  const body = builder.body()
  const scanned: string[] = []
  const scan = (value: string) => {
    scanned.push(value)
    return body.input(body.fresh())
  }
  const count = scan(counts)
  const names = new Map<string, string>()
  for (const { name } of rowInputs) {
    names.set(name, body.add('Slice', [scan(name), body.ints([0]), count, body.ints([0])]))
  }
  for (const value of entering) {
    // One slice, for all rows.
    names.set(value, scan(outer.add('Unsqueeze', [groupSamples.get(value) ?? value, outer.ints([1])])))
  }
  for (const node of inner) {
    // Constants of its own: onnxruntime optimises a body by itself.
    for (const input of node.inputs) {
      const constant = flat.constants.get(input)
      if (constant && !names.has(input)) names.set(input, body.constant(constant))
    }
    for (const output of node.outputs) names.set(output, body.fresh())
    body.node(renamed(node, names))
  }
  // All turns have to give equally many rows.
  const slotsOfTurn = scan(slots)
  for (const { name } of flat.outputs) {
    body.output(`group ${name}`, body.add('Gather', [names.get(name)!, slotsOfTurn], { axis: 0 }))
  }
  const attributes = { num_scan_inputs: scanned.length, body: body.build() }
  outer.addMany('Scan', scanned, flat.outputs.length, attributes).forEach((result, index) => {
    outer.output(flat.outputs[index].name, result)
  })
  return outer.build()
}

interface Split {
  /** Nodes that depend on the rows, and those that do not. */
  readonly inner: readonly GraphNode[]
  readonly outside: readonly GraphNode[]
  /** What the rows take from values with a slice for each group. */
  readonly entering: ReadonlySet<string>
}

function splitNodes({ nodes }: Graph, rowInputs: ReadonlySet<string>): Split {
  const ofRows = new Set(rowInputs)
  const ofGroups = new Set(rowInputs.has(sampleOfRow) ? [] : [sampleOfRow])
  const entering = new Set<string>()
  const [inner, outside]: GraphNode[][] = [[], []]
  for (const node of nodes) {
    const isInner = node.inputs.some((input) => ofRows.has(input))
    const isOfGroups = node.inputs.some((input) => ofGroups.has(input))
    if (isInner) for (const input of node.inputs.filter((input) => ofGroups.has(input))) entering.add(input)
    for (const output of node.outputs) {
      if (isInner) ofRows.add(output)
      else if (isOfGroups) ofGroups.add(output)
    }
    ;(isInner ? inner : outside).push(node)
  }
  return { inner, outside, entering }
}

function renamed(node: GraphNode, names: ReadonlyMap<string, string>): GraphNode {
  const nameOf = (value: string) => names.get(value) ?? value
  return { ...node, inputs: node.inputs.map(nameOf), outputs: node.outputs.map(nameOf) }
}
