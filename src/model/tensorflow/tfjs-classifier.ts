import type { Domain } from '../../geometry/domain.js'
import type { TypedGraph } from '../../graph/graph.js'
import type { Classifier } from '../classifier.js'
import { OnnxClassifier } from '../onnx-classifier.js'

/** A classifier that TensorFlow.js runs, analysed by a graph that is the same function. */
export class TfjsClassifier extends OnnxClassifier {
  readonly #dispose: () => void

  /** @param dispose Frees the model, unless it is the caller's. */
  constructor(
    description: Classifier['description'],
    graphs: { graph: TypedGraph; deployed: TypedGraph },
    domain: Domain,
    dispose: () => void,
  ) {
    super(description, graphs, domain)
    this.#dispose = dispose
  }

  override async close(): Promise<void> {
    await super.close()
    this.#dispose()
  }
}
