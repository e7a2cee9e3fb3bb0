import { engine } from '../../src/engine/engine.js'
import { GraphBuilder, type Precision } from '../../src/graph/builder.js'
import { inferTypes } from '../../src/model/infer-types.js'
import { renameValues } from '../../src/model/prepare-graph.js'
import type { Interval } from '../../src/operators/operator.js'
import { findOperator } from '../../src/operators/registry.js'
import { type RoundingMode, roundingOf } from '../../src/operators/rounding.js'
import { intervalContext } from '../../src/passes/interval.js'
import { rowContext } from '../../src/passes/row-context.js'

// The first with Gelu.
const opset = 20

/** Bounds and lines that an elementwise operator gives for ranges of its input. */
export interface ComputedLines {
  readonly bounds: { readonly lower: Float64Array; readonly upper: Float64Array }
  readonly lower: { readonly slope: Float64Array; readonly intercept: Float64Array }
  readonly upper: { readonly slope: Float64Array; readonly intercept: Float64Array }
  readonly flattest?: { readonly slope: Float64Array; readonly intercept: Float64Array }
  readonly steepest?: { readonly slope: Float64Array; readonly intercept: Float64Array }
}

export interface LineSettings {
  readonly rounding: RoundingMode
  readonly precision: Precision
}

/** A graph of one operator. */
export async function operatorGraph(
  build: (builder: GraphBuilder, input: string) => string,
  featureShape: readonly number[] = [1],
) {
  const builder = new GraphBuilder(opset)
  builder.output('output', build(builder, builder.input('input', 'float32', ['batch', ...featureShape])))
  return inferTypes(renameValues(builder.build()))
}

/** What the rules of an elementwise operator say of each range. */
export async function computeLines(
  build: (builder: GraphBuilder, input: string) => string,
  ranges: readonly (readonly [number, number])[],
  { rounding, precision }: LineSettings,
): Promise<ComputedLines> {
  const graph = await operatorGraph(build)
  const builder = new GraphBuilder(opset, precision)
  const shape = ['samples', 1]
  const range: Interval = {
    lower: builder.input('lower', precision, shape),
    upper: builder.input('upper', precision, shape),
  }
  const slice = builder.input('sampleOfRow', 'int32', [1])
  const known = (value: string) => (value === graph.inputs[0].name ? range : undefined)
  const samples = intervalContext(graph, builder, roundingOf(rounding), known)
  const context = rowContext(samples, { slice, slices: slice, masksInput: false })
  const [node] = graph.nodes
  const [output] = node.outputs
  const bounds = samples.interval(output)
  const relaxationContext = {
    ...context,
    offset: () => undefined,
    linesBefore: () => undefined,
    lowerLine: <T>({ lower }: { lower: T }) => lower,
  }
  const lines = findOperator(node)!.relaxation!.lines!(node, relaxationContext)
  const names: Record<string, string> = { 'bounds lower': bounds.lower, 'bounds upper': bounds.upper }
  for (const side of ['lower', 'upper', 'flattest', 'steepest'] as const) {
    const line = lines[side]
    if (!line) continue
    names[`${side} slope`] = line.slope
    names[`${side} intercept`] = line.intercept ?? builder.add('Sub', [line.slope, line.slope])
  }
  for (const [name, value] of Object.entries(names)) {
    builder.output(name, builder.add('Expand', [value, builder.add('Shape', [range.lower])]))
  }
  const array = precision === 'float32' ? Float32Array : Float64Array
  const column = (index: 0 | 1) => ({
    type: precision,
    shape: [ranges.length, 1],
    data: array.from(ranges.map((ends) => ends[index])),
  })
  const session = await engine.createSession(builder.build())
  try {
    const results = await session.run({
      lower: column(0),
      upper: column(1),
      sampleOfRow: { type: 'int32', shape: [1], data: Int32Array.of(0) },
    })
    const numbers = (name: string) => Float64Array.from(results[name].data as Float64Array)
    const side = (name: string) => ({ slope: numbers(`${name} slope`), intercept: numbers(`${name} intercept`) })
    return {
      bounds: { lower: numbers('bounds lower'), upper: numbers('bounds upper') },
      lower: side('lower'),
      upper: side('upper'),
      ...(lines.flattest && { flattest: side('flattest') }),
      ...(lines.steepest && { steepest: side('steepest') }),
    }
  } finally {
    await session.release()
  }
}
