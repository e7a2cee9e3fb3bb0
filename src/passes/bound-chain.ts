import { GraphBuilder } from '../graph/builder.js'
import type { Graph, Port, TypedGraph } from '../graph/graph.js'
import type { Interval } from '../operators/operator.js'
import type { BallSettings } from './ball-settings.js'
import { found, intervalGraph, type Known, looseName, lowerName, shapeOf, upperName } from './bound-graphs.js'
import { emitGraph } from './emit-graph.js'
import { type RelaxationTask, relaxationGraph } from './relaxation-graph.js'
import { rowInputs } from './row-loop.js'

/** Bounding values by intervals, as {@link intervalGraph} does. */
export interface IntervalLink {
  readonly values: readonly string[]
  readonly selected?: string | undefined
}

/** Relaxing linear functions of the model's output, or of a value whose bounds are to be tightened. */
export interface RelaxationLink extends Omit<RelaxationTask, 'isCut'> {
  readonly target: string
}

export type Link = IntervalLink | RelaxationLink

/** Name of an input of the chain that is one of a link's own: those of the rows of a {@link relaxationGraph}. */
export const inputOfLink = (input: string, target: string) => `${input} of ${target}`

/** Input of a link: where each row stands among all lower ends of the target and, after these, all upper ones; what is none stands behind. */
export const endOfRow = 'end'

/**
 * One graph to the bounds of several steps, each over the bounds that those before it found. Where a relaxation's target is no
 * output of the model, each row tells of one end of an element. Bounds of values are outputs named by {@link found}.
 */
export function boundChain(
  graph: TypedGraph,
  links: readonly Link[],
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
  const latest = new Map<string, string>()
  const knownHere = new Set(known)
  const outputs = new Map<string, string>()
  const emit = (part: Graph, prefix: string, own?: (port: Port) => string | undefined) => {
    const given = part.inputs.map((port): [string, string] => [
      port.name,
      own?.(port) ?? latest.get(port.name) ?? declare(port),
    ])
    return emitGraph(part, prefix, new Map(given), builder)
  }
  for (const link of links) {
    if ('values' in link) {
      const { values, selected } = link
      const results = emit(intervalGraph(graph, values, selected, knownHere, settings), `${values} `)
      for (const name of values.flatMap((value) => [lowerName(value), upperName(value)])) {
        latest.set(name, results.get(found(name))!)
      }
      for (const value of values) knownHere.add(value)
      if (selected !== undefined) outputs.set(looseName(selected), results.get(looseName(selected))!)
      continue
    }
    const { target } = link
    const relaxed = relaxationGraph(graph, target, knownHere, settings, { ...link, isCut })
    const results = emit(relaxed, `${target} `, (port) =>
      rowInputs.has(port.name) ? declareOf(target, port) : undefined,
    )
    if (target === graph.outputs[0].name) {
      for (const [name, value] of results) outputs.set(name, value)
      continue
    }
    const shape = shapeOf(target, graph)
    const [lower, upper] = [lowerName(target), upperName(target)].map(
      (name) => latest.get(name) ?? declare({ name, type: settings.precision, shape: ['samples', ...shape] }),
    )
    const places = declareOf(target, { name: endOfRow, type: 'int32', shape: ['places'] })
    const ends = emitTighterEnds({ lower, upper }, shape, results.get('bound')!, places, settings, builder)
    latest.set(lowerName(target), ends.lower).set(upperName(target), ends.upper)
  }
  for (const [name, value] of latest) outputs.set(found(name), value)
  for (const [name, value] of outputs) builder.output(name, value)
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
