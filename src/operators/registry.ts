import type { GraphNode } from '../graph/graph.js'
import { abs } from './abs.js'
import { add, sub } from './add.js'
import { averagePool } from './average-pool.js'
import { batchNormalization } from './batch-normalization.js'
import { cast } from './cast.js'
import { clip } from './clip.js'
import { comparisons } from './comparison.js'
import { concat } from './concat.js'
import { conv } from './conv.js'
import { convTranspose } from './conv-transpose.js'
import { div } from './div.js'
import { elu } from './elu.js'
import { erf } from './erf.js'
import { expand } from './expand.js'
import { exp, log } from './exponential.js'
import { gather } from './gather.js'
import { gelu } from './gelu.js'
import { gemm } from './gemm.js'
import { globalAveragePool } from './global-average-pool.js'
import { hardSigmoid, hardSwish } from './hard-sigmoid.js'
import { hostDomain, hostFunction } from './host-function.js'
import { identity } from './identity.js'
import { leakyRelu, pRelu } from './leaky-relu.js'
import { lpPool } from './lp-pool.js'
import { lrn } from './lrn.js'
import { matMul } from './matmul.js'
import { globalMaxPool, maxPool } from './max-pool.js'
import { max, min } from './min-max.js'
import { mul } from './mul.js'
import { neg } from './neg.js'
import type { Operator } from './operator.js'
import { pad } from './pad.js'
import { pow, sqrt } from './power.js'
import { reduceMax, reduceMin } from './reduce-extreme.js'
import { reduceMean, reduceSum } from './reduction.js'
import { relu } from './relu.js'
import { flatten, reshape, squeeze, unsqueeze } from './reshape.js'
import { sigmoid, tanh } from './sigmoid.js'
import { slice } from './slice.js'
import { logSoftmax, softmax } from './softmax.js'
import { softplus } from './softplus.js'
import { split } from './split.js'
import { steps } from './steps.js'
import { transpose } from './transpose.js'
import { cos, sin } from './trigonometric.js'
import { where } from './where.js'

/** Every operator that has rules. Adding an operator is adding its file and its name here. */
export const operators: ReadonlyMap<string, Operator> = new Map(
  [
    add,
    sub,
    gemm,
    averagePool,
    batchNormalization,
    cast,
    concat,
    conv,
    convTranspose,
    div,
    expand,
    gather,
    globalAveragePool,
    identity,
    matMul,
    mul,
    neg,
    pad,
    reduceMean,
    reduceSum,
    flatten,
    reshape,
    squeeze,
    unsqueeze,
    slice,
    split,
    transpose,
    relu,
    abs,
    clip,
    ...comparisons,
    elu,
    erf,
    exp,
    log,
    gelu,
    hardSigmoid,
    hardSwish,
    leakyRelu,
    pRelu,
    lpPool,
    lrn,
    globalMaxPool,
    maxPool,
    max,
    min,
    pow,
    sqrt,
    reduceMax,
    reduceMin,
    sigmoid,
    cos,
    sin,
    ...steps,
    tanh,
    logSoftmax,
    softmax,
    softplus,
    where,
  ].map((operator) => [operator.name, operator]),
)

export function findOperator(node: GraphNode): Operator | undefined {
  if (node.domain === hostDomain) return hostFunction
  return node.domain === '' ? operators.get(node.operator) : undefined
}
