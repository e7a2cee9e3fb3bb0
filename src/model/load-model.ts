import { GraphRefusedError, ModelError } from '../errors.js'
import { createDomain } from '../geometry/domain.js'
import { featureShape, isBatch, type TypedGraph } from '../graph/graph.js'
import type { Classifier, ModelDescription } from './classifier.js'
import { checkFidelity } from './fidelity.js'
import { inferTypes } from './infer-types.js'
import type { ModelSettings } from './model-settings.js'
import { OnnxClassifier } from './onnx-classifier.js'
import { type PreparedGraph, prepareGraph, releaseReshapes } from './prepare-graph.js'
import { prependPreprocessing } from './preprocessing.js'
import { readModel } from './read-model.js'

/**
 * Loads an ONNX classifier: one float32 input with a leading batch axis, one row of logits per sample. A final Softmax
 * is seen through, a fixed batch size is made dynamic where the graph allows it.
 * @throws ModelError when the file is no ONNX classifier that can be tested; the message says why.
 * @throws SettingsError when domain or preprocessing do not fit the model.
 */
export async function loadModel(
  pathOrBytes: string | Uint8Array | ArrayBuffer,
  settings: ModelSettings,
): Promise<Classifier> {
  const file = await readModel(pathOrBytes)
  const prepared = prepareGraph(file.graph, settings)
  const { graph, oneAtATime } = await typeGraph(prepared)
  const output = settings.output ?? file.graph.outputs[0].name
  const classes = countClasses(graph, output)
  const domain = createDomain(settings.domain, graph.inputs[0].shape!.slice(1) as number[])
  const { fidelity, warnings } = await checkFidelity(file, output, prepared, graph).catch((error) => {
    throw asModelError(error)
  })
  const deployed = settings.preprocessing ? prependPreprocessing(graph, settings.preprocessing) : graph
  const description: ModelDescription = {
    name: settings.name ?? file.name,
    sha256: file.sha256,
    input: { name: file.graph.inputs[0].name, featureShape: graph.inputs[0].shape!.slice(1) as number[] },
    output: { name: output, classes },
    operators: countOperators(graph),
    parameters: countParameters(graph),
    opset: file.graph.opset,
    device: 'cpu',
    fidelity,
    batching: oneAtATime ? 'one at a time' : 'dynamic',
    warnings,
  }
  return new OnnxClassifier(description, deployed, domain)
}

/** A batch size fixed in the file is released; where the graph insists on it, samples run one at a time. */
async function typeGraph({ graph, fixedBatch }: PreparedGraph): Promise<{ graph: TypedGraph; oneAtATime: boolean }> {
  try {
    return { graph: await inferTypes(graph), oneAtATime: false }
  } catch (cause) {
    if (fixedBatch === undefined) throw asModelError(cause)
    try {
      return { graph: await inferTypes(releaseReshapes(graph, fixedBatch)), oneAtATime: false }
    } catch {
      if (fixedBatch !== 1) {
        throw new ModelError(
          `The model is fixed to batches of ${fixedBatch}, and its graph does not run with others. Export it with a dynamic batch axis, or with a batch of 1.`,
          { cause },
        )
      }
      return {
        graph: await inferTypes(graph, true).catch((error) => {
          throw asModelError(error)
        }),
        oneAtATime: true,
      }
    }
  }
}

/** What the runtime refuses is a fault of the model; a runtime that is missing or died is not. */
function asModelError(cause: unknown): unknown {
  if (!(cause instanceof GraphRefusedError)) return cause
  return new ModelError(`onnxruntime cannot run the model. ${cause.message}`, { cause })
}

function countClasses(graph: TypedGraph, output: string): number {
  const { type, shape } = graph.values.get(graph.outputs[0].name)!
  const features = featureShape(shape)
  if (type === 'float32' && features?.length === 1 && features[0] >= 2) return features[0]
  const printed = shape.map((size) => (isBatch(size) ? 'n' : size)).join(', ')
  throw new ModelError(
    `The output "${output}" is ${type} of shape [${printed}]; a classifier gives float32 logits of shape [n, classes] with at least two classes. If another output holds the logits, name it: loadModel(path, { output: '…' }).`,
  )
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
