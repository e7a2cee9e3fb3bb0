import { engine, type Results } from '../engine/engine.js'
import { ModelError } from '../errors.js'
import {
  type Dimension,
  type ElementType,
  elementCount,
  type Graph,
  isBatch,
  type Shape,
  type Tensor,
  type TensorData,
  type TypedGraph,
  type ValueType,
} from '../graph/graph.js'
import { prune } from '../graph/prune.js'
import { findActivations } from '../passes/context.js'

// Two batch sizes tell which sizes follow the batch.
const probeBatches = [2, 3]
// More values than this per sample are a damaged file rather than a model that a test can run: 512 MiB of float32.
const mostElements = 2 ** 27

/**
 * Finds the type and shape of every value, and folds what does not depend on the input's numbers into constants.
 * The runtime itself is asked: it runs the graph at two batch sizes with all values as outputs. So the result is what
 * the deployed model does, for every operator that the runtime knows.
 * The single input must have a leading batch axis and otherwise fixed sizes. With `oneAtATime` the batch is always 1.
 * @throws ModelError when values do not scale with the batch, EngineError when the runtime refuses the graph.
 */
export async function inferTypes(graph: Graph, oneAtATime = false): Promise<TypedGraph> {
  const [input] = graph.inputs
  const features = (input.shape ?? []).slice(1) as number[]
  const inputShape = [oneAtATime ? 1 : 'batch', ...features]
  const activations = findActivations(graph)
  const made = [...new Set(graph.nodes.flatMap(({ outputs }) => outputs).filter((name) => name !== ''))]
  const session = await engine.createSession(
    {
      ...graph,
      inputs: [{ name: input.name, type: 'float32', shape: inputShape }],
      outputs: made.map((name) => ({ name })),
    },
    { optimization: 'none' },
  )
  // The runtime does not hand over sequences. Where they come from constants, so do the tensors made of them.
  const tensors = session.outputs.flatMap(({ name, shape }) => (shape ? [{ name, shape }] : []))
  const names = tensors.map(({ name }) => name)
  const runs: Results[] = []
  try {
    refuseAbsurdSizes(tensors)
    for (const batch of oneAtATime ? [1] : probeBatches) {
      const shape = [batch, ...features]
      const feed: Tensor = { type: 'float32', shape, data: new Float32Array(elementCount(shape)).fill(0.5) }
      runs.push(await session.run({ [input.name]: feed }, { fetches: names, shapesOnly: activations }))
    }
  } finally {
    await session.release()
  }

  const values = new Map<string, ValueType>([
    [input.name, { type: 'float32', shape: [{ batch: 1 }, ...features] }],
    ...[...graph.constants].map(([name, { type, shape }]): [string, ValueType] => [name, { type, shape }]),
  ])
  const constants = new Map(graph.constants)
  const alike = new Map<string, Tensor>()
  for (const name of names) {
    const results = runs.map((run) => run[name])
    const [{ type }] = results
    const shapes = results.map(({ shape }) => shape)
    const follows = activations.has(name)
    // A first axis of another size is not the batch's alone: rules that tell samples apart refuse it.
    const [first, ...rest] = shapes[0]
    const shape = oneAtATime && follows && first !== undefined ? [{ batch: first }, ...rest] : batchShape(name, shapes)
    values.set(name, { type: type as ElementType, shape })
    if (follows) continue
    if (results.every((result) => sameData(result, results[0]))) constants.set(name, results[0])
    else {
      const one = oneForAll(results[0], shape)
      if (one) alike.set(name, one)
    }
  }
  return { ...prune({ ...graph, inputs: [{ ...input, shape: ['batch', ...features] }], constants }), values, alike }
}

/** The slice of a value that all samples share, if they do. */
function oneForAll({ type, shape: sizes, data }: Tensor, shape: Shape): Tensor | undefined {
  const axes = shape.flatMap((size, axis) => (isBatch(size) ? [axis] : []))
  if (axes.length !== 1 || sizes[axes[0]] !== probeBatches[0]) return undefined
  const [axis] = axes
  const inner = elementCount(sizes.slice(axis + 1))
  const isFirst = (index: number) => Math.floor(index / inner) % sizes[axis] === 0
  const first = data.filter((_: unknown, index: number) => isFirst(index)) as TensorData
  const repeated = data.every((element: unknown, index: number) => {
    const place = Math.floor(index / (inner * sizes[axis])) * inner + (index % inner)
    return Object.is(element, first[place])
  })
  return repeated ? { type, shape: sizes.map((size, at) => (at === axis ? 1 : size)), data: first } : undefined
}

function batchShape(name: string, [first, second]: readonly (readonly number[])[]): Shape {
  if (second === undefined) return first
  const [smaller, larger] = probeBatches
  return first.map((size, axis): Dimension => {
    if (size === second[axis]) return size
    if (size % smaller === 0 && size / smaller === second[axis] / larger) return { batch: size / smaller }
    throw new ModelError(
      `The value "${name}" does not scale with the batch: shape [${first.join(', ')}] for ${smaller} samples, [${second.join(', ')}] for ${larger}.`,
    )
  })
}

function sameData(left: Tensor, right: Tensor): boolean {
  return (
    left.data.length === right.data.length && left.data.every((element, index) => Object.is(element, right.data[index]))
  )
}

function refuseAbsurdSizes(
  outputs: readonly { readonly name: string; readonly shape: readonly (number | string)[] }[],
): void {
  let total = 0
  for (const { name, shape } of outputs) {
    total += elementCount(shape.filter((size) => typeof size === 'number'))
    if (total > mostElements) {
      throw new ModelError(
        `The model is too large to test, or damaged: up to "${name}" (shape [${shape.join(', ')}]) its values have ${total} elements per sample.`,
      )
    }
  }
}
