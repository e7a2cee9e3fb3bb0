import { inferTypes } from '../model/infer-types.js'
import type { Model, ModelDescription } from '../model/model.js'
import { OnnxModel } from '../model/onnx-model.js'
import { renameValues } from '../model/prepare-graph.js'
import type { LinearConstraint } from '../vnnlib/property.js'
import { constrainedGraph } from './constrained-graph.js'

/** A model whose outputs are constraints: [n, constraints], at most zero where a constraint holds. To be closed after use. */
export class ConstrainedModel extends OnnxModel<ModelDescription> {
  static async of(model: Model, constraints: readonly LinearConstraint[]): Promise<ConstrainedModel> {
    const { description, domain } = model
    const graph = renameValues(constrainedGraph(model.graph, constraints))
    const typed = await inferTypes(graph, description.batching === 'one at a time')
    return new ConstrainedModel(description, { graph: typed, deployed: typed }, domain)
  }
}
