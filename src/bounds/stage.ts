import type { Feeds, Results } from '../engine/engine.js'
import { elementCount, featureShape, type Graph, type Tensor, type TypedGraph } from '../graph/graph.js'
import type { Classifier } from '../model/classifier.js'

/** One compiled graph of a bound; it takes what it needs out of the feeds. */
export interface Stage {
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Results>
}

const stages = new WeakMap<Classifier, Map<string, Promise<Stage>>>()

/** The stage called `key`, compiled once per model. */
export function stageOf(model: Classifier, key: string, build: () => Graph): Promise<Stage> {
  const known = stages.get(model) ?? new Map<string, Promise<Stage>>()
  stages.set(model, known)
  const found = known.get(key)
  if (found) return found
  const stage = compileStage(model, key, build)
  known.set(key, stage)
  return stage
}

async function compileStage(model: Classifier, key: string, build: () => Graph): Promise<Stage> {
  const graph = build()
  const compiled = await model.compile(key, () => graph)
  const names = graph.inputs.map(({ name }) => name)
  return {
    run(feeds) {
      const taken: Feeds = Object.fromEntries(names.map((name) => [name, feeds[name]]))
      return compiled.run(taken)
    },
  }
}

/** Bytes that the largest tensor of a run may take. */
const largestTensor = 2 ** 22

/** How many linear functions to carry through the model in one run. */
export function rowsPerRun(graph: TypedGraph): number {
  const sizes = [...graph.values.values()].map(({ shape }) => elementCount(featureShape(shape) ?? []))
  return Math.max(1, Math.floor(largestTensor / (4 * Math.max(...sizes))))
}
