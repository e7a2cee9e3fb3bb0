import { intTensor } from '../graph/builder.js'
import { lossGradientGraph } from '../passes/gradient-graph.js'
import type { LossName } from '../passes/losses.js'
import type { Inputs } from '../sampling/samples.js'
import { checkLabels, checkShape } from './check-inputs.js'
import type { Classifier } from './classifier.js'
import { OnnxModel } from './onnx-model.js'

/** A classifier whose graph the engine runs. */
export class OnnxClassifier extends OnnxModel<Classifier['description']> implements Classifier {
  readonly classes = this.description.output.classes

  async inputGradient(inputs: Inputs, labels: ArrayLike<number>, loss: LossName): Promise<Float32Array> {
    checkShape(inputs, this)
    const checked = checkLabels(labels, inputs.shape[0], this)
    const build = () => lossGradientGraph(this.graph, loss)
    return this.evaluate(`gradient ${loss}`, build, 'gradient', inputs, { labels: intTensor(checked) })
  }
}
