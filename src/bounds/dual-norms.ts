import type { Norm } from '../geometry/norm.js'
import type { Precision } from '../graph/builder.js'
import { elementCount, featureShape, type Tensor } from '../graph/graph.js'
import { cropAround } from '../passes/crop.js'
import { dualNormGraph } from '../passes/linear-prefix.js'
import { range } from '../sampling/rows.js'
import type { BoundedModel } from './bounded-model.js'
import { type FloatArray, floatArray } from './input-ball.js'
import { croppedRows, type Rows, rowFeeds, sidesOf } from './rows.js'
import { rowsPerRun, stageOf } from './stage.js'

const cache = new WeakMap<BoundedModel, Map<string, Promise<Tensor>>>()

/** Dual norms [1, ...features] of the linear functions that a value is of the input; computed once per model. */
export function dualNormsOf(model: BoundedModel, value: string, norm: Norm, precision: Precision): Promise<Tensor> {
  const known = cache.get(model) ?? new Map<string, Promise<Tensor>>()
  cache.set(model, known)
  const key = `${value} ${norm} ${precision}`
  const found = known.get(key)
  if (found) return found
  const shape = [1, ...featureShape(model.graph.values.get(value)!.shape)!]
  const rows = sidesOf(range(elementCount(shape)), [], elementCount(shape))
  const norms = dualNorms(model, value, rows, norm, precision).then(
    (data): Tensor => ({ type: precision, shape, data }),
  )
  known.set(key, norms)
  return norms
}

/** Dual norm of the coefficients of each row over the input; `value` must be linear in it. */
export async function dualNorms(
  model: BoundedModel,
  value: string,
  rows: Rows,
  norm: Norm,
  precision: Precision,
): Promise<FloatArray> {
  const { graph } = model
  const key = `dual norms ${value} ${norm} ${precision}`
  const stage = await stageOf(model, key, () => dualNormGraph(graph, value, norm, precision))
  const norms = floatArray(precision, rows.sample.length)
  const crop = cropAround(graph, value)
  const placed = crop ? croppedRows(rows, crop.positions) : rows
  const most = rowsPerRun(crop?.graph ?? graph)
  for (let start = 0; start < norms.length; start += most) {
    const results = await stage.run(rowFeeds(placed, start, most))
    norms.set(results.dualNorms.data as FloatArray, start)
  }
  return norms
}
