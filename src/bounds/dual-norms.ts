import { elementCount, featureShape, type Tensor } from '../graph/graph.js'
import type { Classifier } from '../model/classifier.js'
import { dualNormGraph } from '../passes/linear-prefix.js'
import { type BallSettings, type FloatArray, floatArray } from './input-ball.js'
import { rowsPerRun, stageOf } from './stage.js'

const cache = new WeakMap<Classifier, Map<string, Promise<Tensor>>>()

/** Dual norms [1, ...features] of the linear functions that a value is of the input; computed once per model. */
export function dualNormsOf(model: Classifier, value: string, settings: BallSettings): Promise<Tensor> {
  const known = cache.get(model) ?? new Map<string, Promise<Tensor>>()
  cache.set(model, known)
  const key = `dual norms ${value} ${settings.norm} ${settings.precision}`
  const found = known.get(key)
  if (found) return found
  const norms = computeDualNorms(model, value, key, settings)
  known.set(key, norms)
  return norms
}

async function computeDualNorms(
  model: Classifier,
  value: string,
  key: string,
  { norm, precision }: BallSettings,
): Promise<Tensor> {
  const { graph } = model
  const stage = await stageOf(model, key, () => dualNormGraph(graph, value, norm === 'l1' ? 'l1' : 'l2', precision))
  const shape = [1, ...featureShape(graph.values.get(value)!.shape)!]
  const norms: FloatArray = floatArray(precision, elementCount(shape))
  const most = rowsPerRun(graph)
  for (let start = 0; start < norms.length; start += most) {
    const length = Math.min(most, norms.length - start)
    const data = BigInt64Array.from({ length }, (_, index) => BigInt(start + index))
    const { dualNorms } = await stage.run({ plus: { type: 'int64', shape: [length], data } })
    norms.set(dualNorms.data as FloatArray, start)
  }
  return { type: precision, shape, data: norms }
}
