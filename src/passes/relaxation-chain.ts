import { GraphBuilder } from '../graph/builder.js'
import type { Graph, Port, TypedGraph } from '../graph/graph.js'
import type { Interval } from '../operators/operator.js'
import type { BallSettings } from './ball-settings.js'
import { found, type Known, lowerName, shapeOf, upperName } from './bound-graphs.js'
import { emitGraph } from './emit-graph.js'
import { type RelaxationTask, relaxationGraph } from './relaxation-graph.js'
import { rowInputs } from './row-loop.js'

/** What is relaxed: linear functions of the model's outputs, or elements of a value whose bounds are to be tightened. */
export interface RelaxationLink extends Omit<RelaxationTask, 'isCut'> {
  readonly target: string
}

/** Name of an input of one link: those of the rows of its {@link relaxationGraph}. */
export const inputOfLink = (input: string, target: string) => `${input} of ${target}`

/** Input of a link: where each row stands among all lower ends of the target and, after these, all upper ones; what is none stands behind. */
export const endOfRow = 'end'

/**
 * Relaxations in one graph, each over the bounds that those before it found. Where a target is no output of the model, each row
 * tells of one end of an element, and the bounds given are the tighter ones, named by {@link found}.
 */
export function relaxationChain(
  graph: TypedGraph,
  links: readonly RelaxationLink[],
  known: Known,
  settings: BallSettings,
  isCut: boolean,
): Graph {
  const builder = new GraphBuilder(graph.opset, settings.precision)
  const declare = ({ name, type, shape }: Port) => builder.once(name, () => builder.input(name, type, shape))
  const declareOf = (target: string, { name, type, shape }: Port) => {
    // Each target has rows of its own: lengths of the same name would be equal to onnxruntime.
    const sizes = shape?.map((size) => (typeof size === 'string' ? inputOfLink(size, target) : size))
    return declare({ name: inputOfLink(name, target), type, shape: sizes })
  }
  const tighter = new Map<string, string>()
  for (const link of links) {
    const { target } = link
    const relaxed = relaxationGraph(graph, target, known, settings, { ...link, isCut })
    const given = relaxed.inputs.map((port): [string, string] => [
      port.name,
      rowInputs.has(port.name) ? declareOf(target, port) : (tighter.get(port.name) ?? declare(port)),
    ])
    const results = emitGraph(relaxed, `${target} `, new Map(given), builder)
    if (target === graph.outputs[0].name) {
      for (const [name, value] of results) builder.output(name, value)
      continue
    }
    const shape = shapeOf(target, graph)
    const [lower, upper] = [lowerName(target), upperName(target)].map((name) =>
      declare({ name, type: settings.precision, shape: ['samples', ...shape] }),
    )
    const places = declareOf(target, { name: endOfRow, type: 'int32', shape: ['places'] })
    const ends = emitTighterEnds({ lower, upper }, shape, results.get('bound')!, places, settings, builder)
    tighter.set(lowerName(target), ends.lower).set(upperName(target), ends.upper)
  }
  for (const [name, value] of tighter) builder.output(found(name), value)
  return builder.build()
}

/** Ends of a value, [n, ...shape] each, in the place of which come bounds that are better. NaN is not better. */
function emitTighterEnds(
  { lower, upper }: Interval,
  shape: readonly number[],
  bounds: string,
  places: string,
  { rounding }: BallSettings,
  builder: GraphBuilder,
): Interval {
  const flat = (numbers: string) => builder.add('Reshape', [numbers, builder.ints([-1])])
  const nowhere = builder.floats([Number.NEGATIVE_INFINITY])
  const ends = builder.add('Concat', [flat(lower), flat(builder.add('Neg', [upper])), nowhere], { axis: 0 })
  const before = builder.add('Gather', [ends, places], { axis: 0 })
  const after = flat(bounds)
  const better = builder.add('Where', [builder.add('Greater', [after, before]), after, before])
  const scattered = builder.add('ScatterElements', [ends, places, better], { axis: 0 })
  const all = builder.add('Slice', [scattered, builder.ints([0]), builder.ints([-1]), builder.ints([0])])
  const sides = builder.add('Reshape', [all, builder.ints([2, -1, ...shape])])
  const [below, above] = [0, 1].map((side) => builder.add('Gather', [sides, builder.int(side)], { axis: 0 }))
  const interval = { lower: below, upper: builder.add('Neg', [above]) }
  if (rounding === 'covered') return interval
  // Where rounding is ignored, the two ends of an element may pass each other.
  const ordered = (operator: string) => builder.add(operator, [interval.lower, interval.upper])
  return { lower: ordered('Min'), upper: ordered('Max') }
}
