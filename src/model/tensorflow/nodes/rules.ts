import { arithmeticNodes } from './arithmetic.js'
import { arrangementNodes } from './arrangement.js'
import { convolutionNodes } from './convolutions.js'
import type { NodeRule } from './node.js'

/** Every operation of graph models that has a translation. */
export const nodeRules: ReadonlyMap<string, NodeRule> = new Map(
  [convolutionNodes, arithmeticNodes, arrangementNodes].flatMap(Object.entries) as [string, NodeRule][],
)
