import { elementCount } from '../../graph/graph.js'
import type { Classifier } from '../classifier.js'
import { OnnxClassifier } from '../onnx-classifier.js'
import { activationWarnings, probabilityWarnings } from '../probabilities.js'
import { withTwoLogits } from '../two-logits.js'
import { tryClassifier } from './examine.js'
import { loadTfjsGraph } from './load-tfjs-graph.js'
import type { TfjsModel } from './tfjs.js'
import type { TfjsModelSettings } from './tfjs-model-settings.js'

/**
 * Loads a TensorFlow.js classifier, a layers model or a graph model: its model.json, or the model that TensorFlow.js has
 * loaded already, which stays the caller's. It has one float32 input with a leading batch axis, and one row of logits per
 * sample; a softmax at the end, or the sigmoid of a single score, is seen through.
 *
 * Predictions are those of TensorFlow.js. The model is also translated to an ONNX graph, on which attacks and bounds run:
 * loading compares the two. Where there is no translation (of a layer or an operation; on GPUs), gradients are those of
 * TensorFlow.js, compared with finite differences, and bounds are refused.
 * @throws ModelError when it is no classifier that can be tested, or when TensorFlow.js is missing; the message says why.
 * @throws SettingsError when domain or preprocessing do not fit the model.
 */
export async function loadTfjsModel(source: string | TfjsModel, settings: TfjsModelSettings): Promise<Classifier> {
  const { graph, deployed, domain, description, tested, probeOutputs, dispose } = await loadTfjsGraph(
    source,
    settings,
    {
      loader: 'loadTfjsModel',
      tryOut: tryClassifier,
      describe: (name, { shape }) => ({ name, classes: Math.max(elementCount(shape), 2) }),
    },
  )
  const outputs = elementCount(tested.shape)
  const isSingle = outputs === 1
  // A score whose sigmoid was seen through may lie anywhere.
  const probabilities = isSingle && tested.ofLogits ? [] : probabilityWarnings(probeOutputs, outputs)
  const squashing = probabilities.length > 0 || isSingle ? [] : activationWarnings(graph)
  const warnings = [...probabilities, ...squashing, ...description.warnings]
  const graphs = isSingle ? { graph: withTwoLogits(graph), deployed: withTwoLogits(deployed) } : { graph, deployed }
  return new OnnxClassifier({ ...description, warnings }, graphs, domain, { dispose })
}
