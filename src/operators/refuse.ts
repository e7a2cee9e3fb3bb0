import { UnsupportedOperatorError } from '../errors.js'
import { type GraphNode, nodeLabel } from '../graph/graph.js'

/** Refuses a node whose operator has rules, but none for the way this node uses it. */
export function refuse(node: GraphNode, reason: string): never {
  throw new UnsupportedOperatorError({
    operator: node.operator,
    node: nodeLabel(node),
    analysis: 'gradient',
    reason,
    remedy: 'Attacks that need no gradient still work (randomNoise), as does predict.',
  })
}
