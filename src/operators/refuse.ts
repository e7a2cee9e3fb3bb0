import { UnsupportedOperatorError, withoutGradients } from '../errors.js'
import { type GraphNode, nodeLabel } from '../graph/graph.js'

/** Reports a configuration that the rules of an operator do not cover. */
export function refuse(node: GraphNode, reason: string): never {
  throw new UnsupportedOperatorError({
    operator: node.operator,
    node: nodeLabel(node),
    analysis: 'gradient or bound',
    reason,
    remedy: withoutGradients,
  })
}
