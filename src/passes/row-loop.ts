import type { GraphBuilder } from '../graph/builder.js'
import { type Graph, type GraphNode, mapBodies, usedBy } from '../graph/graph.js'
import { mapNames } from '../graph/map-names.js'

/** Graph input that tells the sample of each row. */
export const sampleOfRow = 'sampleOfRow'

/** Graph input that lists the samples that there are rows of, in the order of the rows; there are equally many of each. */
export const samplesInOrder = 'samplesInOrder'

/** Names of the graph inputs that say which rows there are. */
export const groupNames = { rows: 'rowsOfGroup', samples: 'samplesOfGroup', slots: 'slotsOfGroup' }

/** All of those inputs that say which rows there are, and of what. */
export const rowInputs: ReadonlySet<string> = new Set([
  'plus',
  'minus',
  sampleOfRow,
  samplesInOrder,
  ...Object.values(groupNames),
])

/**
 * Turns a graph for rows into one for groups of rows, as a Scan with a turn for each group: what depends on the samples
 * alone is computed once, outside of it, and the numbers of one turn stay in the cache.
 *
 * `flat` has inputs for rows, [rows, …], which become [groups, rows, …], and so do the outputs that depend on them;
 * {@link samplesInOrder} becomes [groups, samples]. New inputs tell how many rows and samples of each group are in use (int64 [groups, 1]), and for every
 * place in [groups, rows] (int32) the row in use that stands there: the same as its place, or one that stands in where there
 * are too few.
 */
export function loopOverGroups(flat: Graph, builder: GraphBuilder): Graph {
  const isOfRows = (shape: readonly (number | string)[] | undefined) => shape?.[0] === 'rows'
  const turning = flat.inputs.filter(({ name, shape }) => isOfRows(shape) || name === samplesInOrder)
  const { inner, outside } = splitNodes(flat, new Set(turning.map(({ name }) => name)))

  const outer = builder.body()
  for (const input of flat.inputs) {
    const { name, type, shape } = input
    outer.input(name, type, turning.includes(input) ? ['groups', ...shape!] : shape)
  }
  const [usedRows, usedSamples] = [groupNames.rows, groupNames.samples].map((name) =>
    outer.input(name, 'int64', ['groups', 1]),
  )
  const slots = outer.input(groupNames.slots, 'int32', ['groups', 'rows'])
  for (const [name, tensor] of flat.constants) outer.constant(tensor, name)
  for (const node of outside) outer.node(node)

  const body = builder.body()
  const scanned: string[] = []
  const scan = (value: string) => {
    scanned.push(value)
    return body.input(body.fresh())
  }
  const [rows, samples] = [scan(usedRows), scan(usedSamples)]
  const names = new Map<string, string>()
  for (const { name, shape } of turning) {
    const used = isOfRows(shape) ? rows : samples
    names.set(name, body.add('Slice', [scan(name), body.ints([0]), used, body.ints([0])]))
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
  const outputs = flat.outputs.map(({ name }) => name)
  for (const name of outputs.filter((name) => !names.has(name))) outer.output(name, name)
  const ofRows = outputs.filter((name) => names.has(name))
  for (const name of ofRows) {
    body.output(`group ${name}`, body.add('Gather', [names.get(name)!, slotsOfTurn], { axis: 0 }))
  }
  const attributes = { num_scan_inputs: scanned.length, body: body.build() }
  outer.addMany('Scan', scanned, ofRows.length, attributes).forEach((result, index) => {
    outer.output(ofRows[index], result)
  })
  return outer.build()
}

/** Nodes that depend on the rows, and those that do not. */
function splitNodes({ nodes }: Graph, turning: ReadonlySet<string>): { inner: GraphNode[]; outside: GraphNode[] } {
  const ofRows = new Set(turning)
  const [inner, outside]: GraphNode[][] = [[], []]
  for (const node of nodes) {
    const isInner = usedBy(node).some((value) => ofRows.has(value))
    if (isInner) for (const output of node.outputs) ofRows.add(output)
    ;(isInner ? inner : outside).push(node)
  }
  return { inner, outside }
}

function renamed(node: GraphNode, names: ReadonlyMap<string, string>): GraphNode {
  const nameOf = (value: string) => names.get(value) ?? value
  return {
    ...mapBodies(node, (body) => mapNames(body, nameOf)),
    inputs: node.inputs.map(nameOf),
    outputs: node.outputs.map(nameOf),
  }
}
