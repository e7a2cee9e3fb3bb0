import { refuseUnknown, settingsOf } from '../arguments.js'
import { moveBatchFirst } from '../decompositions/batch-first.js'
import { chooseDevice } from '../engine/choose-device.js'
import type { Device } from '../engine/device.js'
import { GraphRefusedError, ModelError } from '../errors.js'
import { createDomain, type Domain } from '../geometry/domain.js'
import { featureShape, isBatch, type TypedGraph } from '../graph/graph.js'
import { decomposed } from './decomposed.js'
import { checkFidelity, MisreadError } from './fidelity.js'
import { inferTypes } from './infer-types.js'
import type { ModelDescription } from './model.js'
import type { ModelSettings } from './model-settings.js'
import { type PrepareSettings, prepareGraph } from './prepare-graph.js'
import { prependPreprocessing } from './preprocessing.js'
import { readModel } from './read-model.js'
import { straightThroughWarnings } from './straight-through.js'
import { type Typed, typeAlone, typeGraph } from './type-graph.js'
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
  const typed = await typeGraph(prepared).catch(throwModelError)
  const reading = await read(typed)
    .catch((error) => {
      // Samples that run together may change each other, as in a normalisation over the batch.
      if (!(error instanceof MisreadError) || typed.oneAtATime || (prepared.fixedBatch ?? 1) !== 1) throw error
      return typeAlone(typed.source).then(read)
    })
    .catch(throwModelError)
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
function throwModelError(cause: unknown): never {
  if (!(cause instanceof GraphRefusedError)) throw cause
  throw new ModelError(`onnxruntime cannot run the model. ${cause.message}`, { cause })
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
