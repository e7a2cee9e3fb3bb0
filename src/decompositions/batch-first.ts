import { GraphBuilder } from '../graph/builder.js'
import { type Graph, type GraphNode, isBatch, type Shape, type TypedGraph } from '../graph/graph.js'
import { findActivations } from '../passes/context.js'
import { batchFirstRules, type Moved, type MovedValues } from './batch-first-rules.js'
import { numbers } from './decomposition.js'
import { isBatchFirst, type Layout, layoutOf, sizesOfOne } from './layout.js'

/**
 * The same function with the batch as the first axis of every value, as rules need it to tell samples apart: exporters
 * put the time first (recurrent layers, attention of PyTorch) or join the batch with other axes (heads, windows).
 * Nodes that this does not cover stay as they are. Undefined where there is nothing to move. With `oneAtATime`, the graph
 * is fixed to a batch of 1, and its shapes do not tell which axis that is: it is followed from the input on.
 */
export function moveBatchFirst(graph: TypedGraph, oneAtATime: boolean): Graph | undefined {
  const activations = findActivations(graph)
  // Sequences have no shape that would tell where the batch is.
  if (![...activations].every((value) => graph.values.has(value))) return undefined
  const isMoved = (value: string) => {
    const layout = layoutOf(graph.values.get(value)!.shape)
    return layout === undefined || !isBatchFirst(layout)
  }
  if (![...activations].some(isMoved)) return undefined
  return new BatchMover(graph, activations, oneAtATime).run()
}

class BatchMover implements MovedValues {
  readonly builder: GraphBuilder
  readonly graph: TypedGraph
  readonly oneAtATime: boolean
  readonly #activations: ReadonlySet<string>
  readonly #moved = new Map<string, Moved>()

  constructor(graph: TypedGraph, activations: ReadonlySet<string>, oneAtATime: boolean) {
    this.graph = graph
    this.oneAtATime = oneAtATime
    this.builder = new GraphBuilder(graph.opset, 'float32', { count: 0, prefix: 'batch first:' })
    this.#activations = activations
  }

  run(): Graph {
    const { builder, graph } = this
    const [{ name, type, shape }] = graph.inputs
    builder.input(name, type!, shape!)
    for (const [constant, tensor] of graph.constants) builder.constant(tensor, constant)
    this.#moved.set(name, { name, layout: { axis: 0, outer: 1, inner: 1 } })
    for (const node of graph.nodes) this.#visit(node)
    for (const output of graph.outputs) builder.output(output.name, this.#restored(output.name))
    return builder.build()
  }

  shape(value: string): Shape {
    return this.graph.values.get(value)!.shape
  }

  isActivation(value: string): boolean {
    return this.#activations.has(value)
  }

  moved(value: string): Moved | undefined {
    return this.#moved.get(value)
  }

  constant(value: string | undefined): number[] | undefined {
    return value ? numbers(this.graph.constants.get(value)) : undefined
  }

  fixed(value: string): { readonly name: string; readonly shape: readonly number[] } | undefined {
    const tensor = this.graph.alike.get(value)
    if (tensor)
      return { name: this.builder.once(`alike ${value}`, () => this.builder.constant(tensor)), shape: tensor.shape }
    const shape = this.shape(value)
    return shape.some(isBatch) ? undefined : { name: value, shape: shape as readonly number[] }
  }

  #visit(node: GraphNode): void {
    const inputs = node.inputs.filter((input) => this.isActivation(input))
    const outputs = node.outputs.filter((output) => this.isActivation(output))
    const isUsual = (layout: Layout | undefined) => layout !== undefined && isBatchFirst(layout)
    const areInputsUsual = inputs.every((input) => isUsual(this.moved(input)?.layout))
    const rule = batchFirstRules.get(node.operator)
    // A shape that is fixed does not tell whether the output still has the batch first; what has no rule keeps it there.
    const isPlain =
      areInputsUsual && (this.oneAtATime ? !rule : outputs.every((output) => isUsual(this.#shown(output))))
    const results = !isPlain && inputs.every((input) => this.moved(input)) ? rule?.(node, this) : undefined
    if (results) {
      results.forEach((result, index) => this.#moved.set(node.outputs[index], result))
      return
    }
    this.builder.node({ ...node, inputs: node.inputs.map((input) => (input ? this.#restored(input) : '')) })
    for (const output of outputs) {
      const layout = this.#shown(output)
      if (layout && isBatchFirst(layout)) this.#moved.set(output, { name: output, layout })
    }
  }

  /** Where the shape says that the batch is. */
  #shown(value: string): Layout | undefined {
    return layoutOf(this.shape(value))
  }

  /** A value as the file has it. */
  #restored(value: string): string {
    const moved = this.moved(value)
    if (!moved || isBatchFirst(moved.layout)) return moved?.name ?? value
    const { builder } = this
    const { name, layout } = moved
    const shape = sizesOfOne(this.shape(value))
    return builder.once(`restored ${value}`, () => {
      const sizes = shape.map((size, axis) => (axis === layout.axis ? -1 : size))
      const before = shape.slice(0, layout.axis)
      const after = shape.slice(layout.axis + 1)
      const apart = builder.add('Reshape', [name, builder.ints([0, ...before, layout.outer, layout.inner, ...after])])
      const count = before.length + 1
      const perm = [...Array.from({ length: count }, (_, axis) => axis + 1), 0]
      for (let axis = count + 1; axis < shape.length + 2; axis++) perm.push(axis)
      return builder.add('Reshape', [builder.add('Transpose', [apart], { perm }), builder.ints(sizes)])
    })
  }
}
