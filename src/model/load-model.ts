import { ModelError } from '../errors.js'
import type { TypedGraph } from '../graph/graph.js'
import type { Classifier } from './classifier.js'
import { loadGraph, outputType } from './load-graph.js'
import type { ModelSettings } from './model-settings.js'
import { OnnxClassifier } from './onnx-classifier.js'
import { activationWarnings, probabilityWarnings } from './probabilities.js'
import { isSingleScore, withoutSigmoid, withTwoLogits } from './two-logits.js'

/**
 * Loads an ONNX classifier: one float32 input with a leading batch axis, one row of logits per sample. A final Softmax
 * is seen through, a fixed batch size is made dynamic where the graph allows it. A single score per sample, with or
 * without a final Sigmoid, becomes two logits: 0 and the score.
 * @throws ModelError when the file is no ONNX classifier that can be tested; the message says why.
 * @throws SettingsError when domain or preprocessing do not fit the model.
 */
export async function loadModel(
  pathOrBytes: string | Uint8Array | ArrayBuffer,
  settings: ModelSettings,
): Promise<Classifier> {
  const { graph, deployed, domain, description, device, output, probeOutputs } = await loadGraph(
    pathOrBytes,
    settings,
    {
      loader: 'loadModel',
      cutSoftmax: true,
      checkOutput: countClasses,
    },
  )
  const classes = countClasses(deployed, output)
  const single = isSingleScore(outputType(deployed).shape)
  // What scikit-learn exports has no logits, and no gradients to vanish.
  const isClassical = deployed.nodes.some(({ domain }) => domain === 'ai.onnx.ml')
  const isSeenThrough = single && withoutSigmoid(deployed) !== deployed
  const probabilities = isClassical || isSeenThrough ? [] : probabilityWarnings(probeOutputs, single ? 1 : classes)
  const complete = (bare: TypedGraph) => (single ? withTwoLogits(withoutSigmoid(bare)) : bare)
  const graphs = { graph: complete(graph), deployed: complete(deployed) }
  // Probabilities are warned of already, and the Sigmoid of a single score is seen through.
  const squashing = probabilities.length > 0 || single ? [] : activationWarnings(deployed)
  const warnings = [...probabilities, ...squashing, ...description.warnings]
  return new OnnxClassifier({ ...description, output: { name: output, classes }, warnings }, graphs, domain, { device })
}

function countClasses(graph: TypedGraph, output: string): number {
  const { printed, isFloat, shape } = outputType(graph)
  if (isFloat && isSingleScore(shape)) return 2
  if (isFloat && shape?.length === 1 && shape[0] >= 2) return shape[0]
  const remedy = isFloat && shape && shape.length > 0 ? 'A regressor is loaded by loadRegressor(). ' : ''
  throw new ModelError(
    `The output "${output}" is ${printed}; a classifier gives float32 logits of shape [n, classes], or one score per sample. ${remedy}If another output holds the logits, name it: loadModel(path, { output: '…' }).`,
  )
}
