import type { Norm } from '../../geometry/norm.js'
import { GraphBuilder } from '../../graph/builder.js'
import { elementTypeNumbers } from '../../graph/element-types.js'
import type { Graph, TypedGraph } from '../../graph/graph.js'
import type { RuleContext } from '../../operators/operator.js'
import { findOperator } from '../../operators/registry.js'
import { ruleContext } from '../../passes/context.js'
import { declareInputs, emitForward } from '../../passes/forward.js'
import { nonlinearRules } from './nonlinear-rules.js'

/** Name of the graph output with the size of a value. */
export const sizeName = (value: string) => `size ${value}`

/** Name of the graph output with the largest ℓ2 norm over channels of what goes into the node that makes a value. */
export const channelSizeName = (value: string) => `channel size ${value}`

/**
 * A graph from inputs to `logits` and the sizes, one number per sample, that the rounding errors of each node are relative
 * to: the norm of |W|·|x| + |b| of a linear node, of the output of another. Only nodes that round have one.
 */
export function sizesGraph(graph: TypedGraph, norm: Norm): Graph {
  const builder = new GraphBuilder(graph.opset)
  declareInputs(graph, builder)
  const rules = ruleContext(graph, builder)
  const forward = emitForward(graph, rules)
  const context: RuleContext = { ...rules, weight: (value) => forward.get(value) ?? rules.weight(value) }
  builder.output('logits', forward.get(graph.outputs[0].name)!)
  for (const node of graph.nodes) {
    if (!node.outputs.some((output) => context.isActivation(output))) continue
    const linear = findOperator(node)?.linear?.(node, context)
    if (linear) {
      if (linear.terms(node, context) === 1) continue
      const magnitudes = node.inputs.map((input) => {
        if (!context.isActivation(input)) return ''
        const value = forward.get(input)!
        return builder.once(`magnitude ${value}`, () => builder.add('Abs', [value]))
      })
      const sizes = linear.apply(node, magnitudes, context, { absolute: true, bias: true })
      sizes.forEach((size, index) => builder.output(sizeName(node.outputs[index]), emitNorm(size, norm, builder)))
      continue
    }
    const [output] = node.outputs
    const rule = nonlinearRules.get(node.operator)?.(node, norm, context)
    if (rule?.relativeError) builder.output(sizeName(output), emitNorm(forward.get(output)!, norm, builder))
    if (rule?.growth) builder.output(channelSizeName(output), emitChannelNorm(forward.get(node.inputs[0])!, builder))
  }
  return builder.build()
}

/** In float64, where the squares of no float32 number underflow or overflow: one number per sample. */
function emitNorm(value: string, norm: Norm, builder: GraphBuilder): string {
  const wide = builder.add('Cast', [value], { to: elementTypeNumbers.float64 })
  const flat = builder.add('Flatten', [wide])
  const axis = builder.ints([1])
  const absolute = () => builder.add('Abs', [flat])
  if (norm === 'linf') return builder.add('ReduceMax', [absolute(), axis], { keepdims: 0 })
  if (norm === 'l1') return builder.add('ReduceSum', [absolute(), axis], { keepdims: 0 })
  return builder.add('Sqrt', [builder.add('ReduceSum', [builder.add('Mul', [flat, flat]), axis], { keepdims: 0 })])
}

/** Of the position where the ℓ2 norm over the channels is largest. */
function emitChannelNorm(value: string, builder: GraphBuilder): string {
  const wide = builder.add('Cast', [value], { to: elementTypeNumbers.float64 })
  const squares = builder.add('ReduceSum', [builder.add('Mul', [wide, wide]), builder.ints([1])], { keepdims: 0 })
  const positions = builder.add('Flatten', [squares])
  return builder.add('Sqrt', [builder.add('ReduceMax', [positions, builder.ints([1])], { keepdims: 0 })])
}
