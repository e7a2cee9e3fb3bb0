import type { Domain } from '../../geometry/domain.js'
import type { TypedGraph } from '../../graph/graph.js'
import type { Inputs } from '../../sampling/samples.js'
import type { Classifier } from '../classifier.js'
import { OnnxClassifier } from '../onnx-classifier.js'

/** A classifier that TensorFlow.js runs, analysed by a graph that is the same function. */
export class TfjsClassifier extends OnnxClassifier {
  readonly #deployed: TypedGraph
  readonly #dispose: () => void

  /** @param deployed The graph that calls TensorFlow.js. @param dispose Frees the model, unless it is the caller's. */
  constructor(
    description: Classifier['description'],
    graph: TypedGraph,
    domain: Domain,
    deployed: TypedGraph,
    dispose: () => void,
  ) {
    super(description, graph, domain)
    this.#deployed = deployed
    this.#dispose = dispose
  }

  override predict(inputs: Inputs): Promise<Float32Array> {
    return this.evaluate('deployed', () => this.#deployed, this.#deployed.outputs[0].name, inputs)
  }

  override async close(): Promise<void> {
    await super.close()
    this.#dispose()
  }
}
