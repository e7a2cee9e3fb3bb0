import { chooseBranches } from '../decompositions/rewrite.js'
import { ModelError } from '../errors.js'
import { type Graph, type GraphNode, isBatch, type TypedGraph } from '../graph/graph.js'
import { findActivations } from '../passes/context.js'
import { inferTypes } from './infer-types.js'
import { type PreparedGraph, releaseReshapes } from './prepare-graph.js'

/** A graph before and after what does not depend on the input was folded into constants. */
export interface Typed {
  readonly source: Graph
  readonly graph: TypedGraph
  readonly oneAtATime: boolean
}

/**
 * A batch size fixed in the file is released. Where the graph insists on it, or samples that run together are not told
 * apart, they run one at a time.
 * @throws ModelError when a batch of several cannot be released; GraphRefusedError when the runtime refuses the graph.
 */
export async function typeGraph({ graph, fixedBatch }: PreparedGraph): Promise<Typed> {
  const sources = fixedBatch === undefined ? [graph] : [graph, releaseReshapes(graph, fixedBatch)]
  let alone = graph
  let refusal: unknown
  for (const source of sources) {
    try {
      const typeable = await typeBranches(source, false)
      // Where the file gives several samples at once, their outputs are compared as they are.
      const typed = (fixedBatch ?? 1) === 1 ? batchFirstOutput(typeable) : typeable
      if (tellsSamplesApart(typed.graph)) return { ...typed, oneAtATime: false }
      alone = typed.source
    } catch (cause) {
      refusal ??= cause
    }
  }
  if (fixedBatch !== undefined && fixedBatch !== 1) {
    throw new ModelError(
      `The model is fixed to batches of ${fixedBatch}, and its graph does not run with others. Export it with a dynamic batch axis, or with a batch of 1.`,
      { cause: refusal },
    )
  }
  return typeAlone(alone).catch((error) => {
    throw refusal ?? error
  })
}

export async function typeAlone(source: Graph): Promise<Typed> {
  return { ...(await typeBranches(source, true)), oneAtATime: true }
}

/** Of an If on sizes or fixed inputs, only the branch that is taken is left. */
async function typeBranches(source: Graph, oneAtATime: boolean): Promise<Omit<Typed, 'oneAtATime'>> {
  const graph = await inferTypes(source, oneAtATime)
  const chosen = chooseBranches(source, graph.constants)
  return chosen ? typeBranches(chosen, oneAtATime) : { source, graph }
}

/** Whether everything that depends on the input has the batch among its axes, and the output a part for each sample. */
function tellsSamplesApart(graph: TypedGraph): boolean {
  const [{ name: output }] = graph.outputs
  const axes = graph.values.get(output)!.shape.filter(isBatch)
  if (axes.length !== 1 || axes[0].batch !== 1) return false
  return [...findActivations(graph)].every((value) => graph.values.get(value)?.shape.some(isBatch) ?? true)
}

/** Recurrent networks may give the time first, and the batch second. */
function batchFirstOutput({ source, graph }: Omit<Typed, 'oneAtATime'>): Omit<Typed, 'oneAtATime'> {
  const [{ name: output }] = graph.outputs
  const { type, shape } = graph.values.get(output)!
  const batch = shape.findIndex((size) => isBatch(size) && size.batch === 1)
  if (batch < 1 || shape.filter(isBatch).length > 1) return { source, graph }
  const perm = [batch, ...[...shape.keys()].filter((axis) => axis !== batch)]
  const moved = `${output}:batch first`
  const transpose: GraphNode = {
    operator: 'Transpose',
    name: '',
    domain: '',
    inputs: [output],
    outputs: [moved],
    attributes: new Map([['perm', { kind: 'ints', value: perm }]]),
  }
  const extended = <G extends Graph>(bare: G): G => ({
    ...bare,
    nodes: [...bare.nodes, transpose],
    outputs: [{ name: moved }],
  })
  const values = new Map(graph.values).set(moved, { type, shape: perm.map((axis) => shape[axis]) })
  return { source: extended(source), graph: { ...extended(graph), values } }
}
