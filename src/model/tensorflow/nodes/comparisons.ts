import { mapElements } from '../layers/activations.js'
import { UntranslatableError } from '../layers/layer.js'
import { broadcast } from './broadcast.js'
import { kindOf, type NodeRule } from './node.js'
import { valueAt } from './operands.js'

const comparison =
  (name: string): NodeRule =>
  (context) => [broadcast(context, context.operands, (names) => context.builder.add(name, names))]

const not: NodeRule = (context) => [mapElements(valueAt(context, 0), (x) => context.builder.add('Not', [x]))]

/** What has truth values, or chooses by them. */
export const comparisonNodes: Readonly<Record<string, NodeRule>> = {
  Equal: comparison('Equal'),
  Greater: comparison('Greater'),
  GreaterEqual: comparison('GreaterOrEqual'),
  Less: comparison('Less'),
  LessEqual: comparison('LessOrEqual'),
  LogicalAnd: comparison('And'),
  LogicalNot: not,
  LogicalOr: comparison('Or'),
  Select: comparison('Where'),
  SelectV2: comparison('Where'),

  NotEqual(context) {
    const [value] = comparison('Equal')(context)
    return [mapElements(value, (x) => context.builder.add('Not', [x]))]
  },

  Cast(context) {
    const { builder, node } = context
    const value = valueAt(context, 0)
    const [from, to] = ['SrcT', 'DstT'].map((name) => kindOf(node, name))
    if (from === to || (from === 'whole' && to === 'float')) return [value]
    if (from !== 'truth' || to === 'other') throw new UntranslatableError(`it makes ${to} of ${from} numbers`)
    return [mapElements(value, (x) => builder.add('Where', [x, builder.scalar(1), builder.scalar(0)]))]
  },
}
