import type { GraphBuilder } from '../graph/builder.js'
import type { TypedGraph } from '../graph/graph.js'
import type { DerivativeContext } from '../operators/operator.js'
import { ruleContext } from './context.js'

/**
 * Context of derivatives on top of a forward pass whose values are called `forward` in the built graph. `sampleOfRow`
 * names an int64 vector with the sample that each gradient row belongs to; without it row i belongs to sample i.
 */
export function derivativeContext(
  graph: TypedGraph,
  builder: GraphBuilder,
  forward: ReadonlyMap<string, string>,
  sampleOfRow?: string,
): DerivativeContext {
  const rules = ruleContext(graph, builder)
  const laidOut = new Map<string, string>()
  return {
    ...rules,
    weight: (value) => forward.get(value) ?? rules.weight(value),
    value(value) {
      const name = forward.get(value)
      if (name === undefined) throw new Error(`The forward pass does not hold the value "${value}".`)
      return name
    },
    rows(sliced) {
      if (sampleOfRow === undefined) return sliced
      const known = laidOut.get(sliced)
      if (known !== undefined) return known
      const name = builder.add('Gather', [sliced, sampleOfRow], { axis: 0 })
      laidOut.set(sliced, name)
      return name
    },
  }
}
