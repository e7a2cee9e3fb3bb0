import type { GraphNode } from '../graph/graph.js'
import { add, sub } from './add.js'
import { gemm } from './gemm.js'
import type { Operator } from './operator.js'
import { relu } from './relu.js'

/** Every operator that has rules. Adding an operator is adding its file and its name here. */
export const operators: ReadonlyMap<string, Operator> = new Map(
  [add, sub, gemm, relu].map((operator) => [operator.name, operator]),
)

export function findOperator(node: GraphNode): Operator | undefined {
  return node.domain === '' ? operators.get(node.operator) : undefined
}
