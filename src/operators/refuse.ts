import { UnsupportedOperatorError } from '../errors.js'
import { type GraphNode, nodeLabel } from '../graph/graph.js'

/** Reports a configuration that the rules of an operator do not cover. */
export function refuse(node: GraphNode, reason: string): never {
  throw new UnsupportedOperatorError({
    operator: node.operator,
    node: nodeLabel(node),
    analysis: 'gradient or bound',
    reason,
    remedy: 'Attacks that need no gradient still work (randomNoise), as does predict.',
  })
}
