import type { Model } from '../model/model.js'
import { noBoundRule } from '../passes/interval.js'

/**
 * What a bound knows of the parts of an operator is no proof about a kernel that rounds otherwise.
 * @throws UnsupportedOperatorError when the model has such an operator.
 */
export function refuseUncovered({ graph }: Pick<Model, 'graph'>): void {
  const part = graph.nodes.find(({ partOf }) => partOf !== undefined)?.partOf
  if (part) throw noBoundRule(part)
}
