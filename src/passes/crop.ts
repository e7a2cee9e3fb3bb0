import { GraphBuilder } from '../graph/builder.js'
import { elementCount, featureShape, type GraphNode, type TypedGraph } from '../graph/graph.js'
import { ruleContext } from './context.js'
import {
  elementwise,
  isSeparate,
  spatialSizes,
  unite,
  variesInSpace,
  type Window,
  windowBefore,
} from './crop-window.js'
import { croppedGraph, type Part } from './cropped-graph.js'
import { unravel } from './transposed-rows.js'

/**
 * The part of a convolutional network that one position of a feature map depends on. Every position sees a network of
 * the same shape, so that bounding many of them is a batch of small problems instead of few large ones.
 */
export interface Crop {
  /** The small network; values keep their names, the target has one position. */
  readonly graph: TypedGraph
  /** Number of positions of the target. */
  readonly positions: number
  /** The value of the whole network that one of the small network is a part of: most often the one of that name. */
  whole(value: string): string
  /** [positions × elements of the small value]: flat position in the whole value, −1 outside of it. */
  taps(value: string): Int32Array
}

const crops = new WeakMap<TypedGraph, Map<string, Crop | undefined>>()

/**
 * The crop around the positions of `target`; undefined where the network before it is not all convolutional, or where
 * the crop would save little.
 */
export function cropAround(graph: TypedGraph, target: string): Crop | undefined {
  const known = crops.get(graph) ?? new Map<string, Crop | undefined>()
  crops.set(graph, known)
  if (!known.has(target)) known.set(target, makeCrop(graph, target))
  return known.get(target)
}

// Cropped values overlap: all together they may take this many numbers per sample.
const mostElements = 2 ** 21
const worthwhile = 0.3

function makeCrop(graph: TypedGraph, target: string): Crop | undefined {
  const spatial = spatialSizes(target, graph)
  if (!spatial || spatial.length === 0 || elementCount(spatial) === 1) return undefined
  const context = ruleContext(graph, new GraphBuilder(graph.opset))
  const same = (size: number) => spatial.map(() => size)
  const wanted = new Map<string, Window>([[target, { step: same(1), start: same(0), length: same(1) }]])
  const nodes: { node: GraphNode; inputs: (Window | undefined)[] }[] = []
  for (const node of graph.nodes.toReversed()) {
    const [output] = node.outputs
    const window = wanted.get(output)
    if (!window) continue
    const needs = windowBefore(node, window, graph)
    if (!needs || spatialSizes(output, graph)?.length !== spatial.length) return undefined
    const inputs = node.inputs.map((input) => (context.isActivation(input) ? needs : undefined))
    if (node.inputs.some((input) => !context.isActivation(input) && variesInSpace(input, node, graph))) return undefined
    if (elementwise.has(node.operator) && !isSeparate(node, context)) return undefined
    node.inputs.forEach((input, index) => {
      if (!inputs[index]) return
      const united = unite(wanted.get(input), needs)
      if (united) wanted.set(input, united)
    })
    if (node.inputs.some((input, index) => inputs[index] && !unite(wanted.get(input), needs))) return undefined
    nodes.push({ node, inputs })
  }
  if (!wanted.has(graph.inputs[0].name) || !spatialSizes(graph.inputs[0].name, graph)) return undefined
  const size = (value: string, sizes: readonly number[]) =>
    featureShape(graph.values.get(value)!.shape)![0] * elementCount(sizes)
  const total = (sizesOf: (value: string) => readonly number[]) =>
    [...wanted.keys()].reduce((sum, value) => sum + size(value, sizesOf(value)), 0)
  const cropped = total((value) => wanted.get(value)!.length)
  if (cropped > worthwhile * total((value) => spatialSizes(value, graph)!)) return undefined
  if (cropped * elementCount(spatial) > mostElements) return undefined
  const parts = new Map<string, Part>()
  const small = croppedGraph(graph, target, wanted, parts, nodes.reverse())
  const whole = (value: string) => parts.get(value)?.of ?? value
  const taps = new Map<string, Int32Array>()
  return {
    graph: small,
    positions: elementCount(spatial),
    whole,
    taps(value) {
      const window = parts.get(value)?.window ?? wanted.get(value)!
      const known = taps.get(value) ?? tapsOf(spatial, spatialSizes(whole(value), graph)!, window)
      taps.set(value, known)
      return known
    },
  }
}

function tapsOf(targetSizes: readonly number[], sizes: readonly number[], { step, start, length }: Window): Int32Array {
  const [positions, elements] = [elementCount(targetSizes), elementCount(length)]
  return Int32Array.from({ length: positions * elements }, (_, index) => {
    const position = unravel(Math.floor(index / elements), targetSizes)
    const offset = unravel(index % elements, length)
    const at = sizes.map((_, axis) => step[axis] * position[axis] + start[axis] + offset[axis])
    if (at.some((place, axis) => place < 0 || place >= sizes[axis])) return -1
    return at.reduce((flat, place, axis) => flat * sizes[axis] + place, 0)
  })
}
