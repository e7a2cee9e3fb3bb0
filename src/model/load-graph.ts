import { refuseUnknown, settingsOf } from '../arguments.js'
import { moveBatchFirst } from '../decompositions/batch-first.js'
import { chooseBranches } from '../decompositions/rewrite.js'
import { chooseDevice } from '../engine/choose-device.js'
import type { Device } from '../engine/device.js'
import { GraphRefusedError, ModelError } from '../errors.js'
import { createDomain, type Domain } from '../geometry/domain.js'
import { featureShape, type Graph, type GraphNode, isBatch, type TypedGraph } from '../graph/graph.js'
import { findActivations } from '../passes/context.js'
import { decomposed } from './decomposed.js'
import { checkFidelity, MisreadError } from './fidelity.js'
import { inferTypes } from './infer-types.js'
import type { ModelDescription } from './model.js'
import type { ModelSettings } from './model-settings.js'
import { type PreparedGraph, type PrepareSettings, prepareGraph, releaseReshapes } from './prepare-graph.js'
import { prependPreprocessing } from './preprocessing.js'
import { readModel } from './read-model.js'
import { straightThroughWarnings } from './straight-through.js'
import { withoutZipMap } from './zip-map.js'

/** A model that was read, typed and compared with a run of its file, whatever its output means. */
export interface LoadedGraph {
  /** What the passes analyse, with its preprocessing. */
  readonly graph: TypedGraph
  /** The same function with the operators of the file. */
  readonly deployed: TypedGraph
  readonly domain: Domain
  readonly description: Omit<ModelDescription, 'output'>
  readonly device: Device
  /** Name of the output in the file. */
  readonly output: string
  /** What the graph gives on the probe inputs of the comparison. */
  readonly probeOutputs: Float32Array
}

/** What loading a classifier and loading a regressor do differently. */
interface Loading extends Pick<PrepareSettings, 'cutSoftmax'> {
  /** Name of the function that loads it, for messages. */
  readonly loader: string
  checkOutput(graph: TypedGraph, output: string): void
}

/**
 * Reads a model with one float32 input that has a leading batch axis. A fixed batch size is made dynamic where the graph
 * allows it.
 * @throws ModelError when the file is no such model; the message says why.
 * @throws SettingsError when domain or preprocessing do not fit the model.
 */
export async function loadGraph(
  pathOrBytes: string | Uint8Array | ArrayBuffer,
  settings: ModelSettings,
  { loader, cutSoftmax, checkOutput }: Loading,
): Promise<LoadedGraph> {
  const {
    domain: box,
    preprocessing,
    featureShape,
    fixedInputs,
    output: wanted,
    device: on = 'cpu',
    name,
    ...others
  } = settingsOf(loader, settings, "'model.onnx', { domain: [0, 1] }")
  refuseUnknown(loader, others)
  const { device, warning } = await chooseDevice(on)
  const file = withoutZipMap(await readModel(pathOrBytes))
  const prepared = prepareGraph(file.graph, { featureShape, fixedInputs, output: wanted, cutSoftmax })
  const { output } = prepared
  const read = async ({ source, graph: folded, oneAtATime }: Typed) => {
    checkOutput(folded, output)
    const features = folded.inputs[0].shape!.slice(1) as number[]
    const domain = createDomain(box, features)
    const graph = await analysedGraph(folded, oneAtATime)
    // The runtime fuses quantised layers only where their weights are still quantised, not folded into constants.
    const deployed = graph === folded ? folded : { ...folded, nodes: source.nodes, constants: source.constants }
    const complete = (bare: TypedGraph) => (preprocessing ? prependPreprocessing(bare, preprocessing) : bare)
    const completed = { graph: complete(graph), deployed: complete(deployed) }
    const compared = await checkFidelity(
      file,
      output,
      { ...prepared, oneAtATime },
      { deployed, analysed: graph },
      { domain, preprocessing, device },
    )
    return { bare: { graph, deployed }, completed, features, domain, oneAtATime, ...compared }
  }
  const typed = await typeGraph(prepared)
  const reading = await read(typed)
    .catch((error) => {
      // Samples that run together may change each other, as in a normalisation over the batch.
      if (!(error instanceof MisreadError) || typed.oneAtATime || (prepared.fixedBatch ?? 1) !== 1) throw error
      return typeAlone(typed.source).then(read)
    })
    .catch((error) => {
      throw asModelError(error)
    })
  const { bare, completed, features, domain, oneAtATime, fidelity, analysedFidelity, outputs } = reading
  return {
    ...completed,
    domain,
    description: {
      name: name ?? file.name,
      sha256: file.sha256,
      input: { name: prepared.input, featureShape: features },
      operators: countOperators(bare.deployed),
      parameters: countParameters(bare.deployed),
      opset: file.graph.opset,
      device,
      fidelity,
      batching: oneAtATime ? 'one at a time' : 'dynamic',
      warnings: [...(warning === undefined ? [] : [warning]), ...straightThroughWarnings(bare.graph, analysedFidelity)],
    },
    device,
    output,
    probeOutputs: outputs,
  }
}

/** Element type and shape of the output, as messages print them, and the shape of one sample's where that is fixed. */
export function outputType(graph: TypedGraph): {
  printed: string
  isFloat: boolean
  shape: readonly number[] | undefined
} {
  const { type, shape } = graph.values.get(graph.outputs[0].name)!
  const printed = shape.map((size) => (isBatch(size) ? `${size.batch === 1 ? '' : size.batch}n` : size)).join(', ')
  return { printed: `${type} of shape [${printed}]`, isFloat: type === 'float32', shape: featureShape(shape) }
}

/** A graph before and after what does not depend on the input was folded into constants. */
interface Typed {
  readonly source: Graph
  readonly graph: TypedGraph
  readonly oneAtATime: boolean
}

/**
 * A batch size fixed in the file is released. Where the graph insists on it, or samples that run together are not told
 * apart, they run one at a time.
 */
async function typeGraph({ graph, fixedBatch }: PreparedGraph): Promise<Typed> {
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
    throw asModelError(refusal ?? error)
  })
}

async function typeAlone(source: Graph): Promise<Typed> {
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

/** The same function in operators that have rules, with the batch as the first axis of every value, where that is possible. */
async function analysedGraph(deployed: TypedGraph, oneAtATime: boolean): Promise<TypedGraph> {
  const graph = await decomposed(deployed, oneAtATime)
  const moved = moveBatchFirst(graph, oneAtATime)
  if (!moved) return graph
  const typed = await inferTypes(moved).catch((error) => {
    if (oneAtATime && (error instanceof GraphRefusedError || error instanceof ModelError)) return graph
    throw error
  })
  // A batch that was fixed is free where all of it could be followed.
  const isFollowed = featureShape(typed.values.get(typed.outputs[0].name)!.shape) !== undefined
  return oneAtATime && !isFollowed ? graph : typed
}

/** What the runtime refuses is a fault of the model; a runtime that is missing or died is not. */
function asModelError(cause: unknown): unknown {
  if (!(cause instanceof GraphRefusedError)) return cause
  return new ModelError(`onnxruntime cannot run the model. ${cause.message}`, { cause })
}

function countOperators({ nodes }: TypedGraph): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { operator } of nodes) counts[operator] = (counts[operator] ?? 0) + 1
  return counts
}

function countParameters({ constants }: TypedGraph): number {
  return [...constants.values()]
    .filter(({ type }) => type === 'float32')
    .reduce((count, { data }) => count + data.length, 0)
}
