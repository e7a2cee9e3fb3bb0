import type { Results } from '../engine/engine.js'
import { elementCount, featureShape, type Graph, type Tensor, type TypedGraph } from '../graph/graph.js'
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

/** Bytes that the largest tensor of a run may take: smaller runs repeat the work per sample, larger ones miss caches. */
const largestTensor = 2 ** 25

/** How many linear functions to carry through the model in one run. */
export function rowsPerRun(graph: TypedGraph): number {
  const sizes = [...graph.values.values()].map(({ shape }) => elementCount(featureShape(shape) ?? []))
  return Math.max(1, Math.floor(largestTensor / (4 * Math.max(...sizes))))
}
