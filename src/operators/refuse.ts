import { UnsupportedOperatorError, withoutGradients } from '../errors.js'
import { type GraphNode, nodeLabel } from '../graph/graph.js'

/** Reports a configuration that neither gradients nor bounds cover. */
export function refuse(node: GraphNode, reason: string): never {
  throw new UnsupportedOperatorError({
    operator: node.operator,
    node: nodeLabel(node),
    analysis: 'gradient or bound',
    reason,
    remedy: withoutGradients,
  })
}

/** Reports a configuration that bounds do not cover. */
export function refuseBound(node: GraphNode, reason: string): never {
  throw noBoundRule(node, reason)
}

export function noBoundRule(node: GraphNode, reason?: string): UnsupportedOperatorError {
  return new UnsupportedOperatorError({
    operator: node.operator,
    node: nodeLabel(node),
    analysis: 'bound',
    reason,
    remedy: 'Attacks still work on this model.',
  })
}
