import { arithmeticNodes } from './arithmetic.js'
import { arrangementNodes } from './arrangement.js'
import { comparisonNodes } from './comparisons.js'
import { convolutionNodes } from './convolutions.js'
import type { NodeRule } from './node.js'
import { productNodes } from './products.js'
import { reductionNodes } from './reductions.js'
import { slicingNodes } from './slicing.js'

/** Every operation of graph models that has a translation. */
export const nodeRules: ReadonlyMap<string, NodeRule> = new Map(
  [
    convolutionNodes,
    productNodes,
    arithmeticNodes,
    comparisonNodes,
    reductionNodes,
    arrangementNodes,
    slicingNodes,
  ].flatMap(Object.entries) as [string, NodeRule][],
)
