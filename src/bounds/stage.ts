import type { Results } from '../engine/engine.js'
import { elementCount, featureShape, type Graph, type Tensor, type TypedGraph } from '../graph/graph.js'
import { perGraph } from '../graph/per-graph.js'
import type { BoundedModel } from './bounded-model.js'

/** One compiled graph of a bound; it takes what it needs out of the feeds. */
export interface Stage {
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Results>
}

const inputNames = new WeakMap<BoundedModel, Map<string, readonly string[]>>()

/** The stage called `key`, compiled once per model. */
export async function stageOf(model: BoundedModel, key: string, build: () => Graph): Promise<Stage> {
  const namesOf = inputNames.get(model) ?? new Map<string, readonly string[]>()
  inputNames.set(model, namesOf)
  const compiled = await model.compile(key, () => {
    const graph = build()
    namesOf.set(
      key,
      graph.inputs.map(({ name }) => name),
    )
    return graph
  })
  return {
    run: (feeds) => compiled.run(Object.fromEntries(namesOf.get(key)!.map((name) => [name, feeds[name]]))),
  }
}

/** Bytes that the largest tensor of a run may take. */
const largestTensor = 2 ** 25

/** How many linear functions to carry through the model in one run. */
export function rowsPerRun(graph: TypedGraph): number {
  return Math.max(1, Math.floor(largestTensor / (4 * widestValue(graph))))
}

/** What the rows of a turn of a loop should take in one tensor, so that it stays in the cache. */
const cachedTensor = 2 ** 19

export interface RowLimits {
  /** Most elements of a value. */
  readonly widest: number
  /** How many linear functions to carry through the model in a turn of a loop, and in all turns of a run. */
  readonly inGroup: number
  readonly inRun: number
}

/** `rounds` says how often a run carries each of them through the model. */
export function rowLimits(graph: TypedGraph, rounds = 1): RowLimits {
  const widest = widestValue(graph)
  return {
    widest,
    inGroup: Math.max(1, Math.floor(cachedTensor / (4 * widest))),
    inRun: Math.max(1, Math.floor(rowsPerRun(graph) / rounds)),
  }
}

const widestValue = perGraph(({ nodes, values }) => {
  const used = nodes.flatMap(({ inputs, outputs }) => [...inputs, ...outputs])
  const sizes = used.map((value) => elementCount(featureShape(values.get(value)?.shape ?? []) ?? []))
  return Math.max(...sizes)
})
