import type { Tensor } from '../../graph/graph.js'
import { dualNormsName, isBoundedByBall, lowerName, upperName } from '../../passes/bound-graphs.js'
import { range, takeSamples } from '../../sampling/rows.js'
import type { BoundContext } from '../bound.js'
import { dualNormsOf } from '../dual-norms.js'
import { type BallSettings, inputBall } from '../input-ball.js'
import { marginRows, rowFeeds } from '../rows.js'
import { rowsPerRun, stageOf } from '../stage.js'
import { layerByLayer, outwards } from './layer-by-layer.js'
import { localLipschitzGraph, movedName, nonlinearInputs } from './local-graph.js'

/**
 * Improves `margins` where a Lipschitz constant that holds over the ball only says more: margin at the sample less ε times
 * the largest norm of a gradient, and less the rounding errors of the model at both ends.
 */
export async function improveLocally(
  { model, inputs, labels, budget }: BoundContext,
  epsilon: Float64Array,
  settings: BallSettings,
  margins: Float64Array,
): Promise<void> {
  const { classes, graph } = model
  const { norm } = settings
  const [{ name: input }] = graph.inputs
  const isSingle = model.description.batching === 'one at a time'
  const most = isSingle ? 1 : Math.max(1, Math.floor(rowsPerRun(graph) / (classes - 1)))
  const values = nonlinearInputs(graph)
  const fixed: Record<string, Tensor> = {}
  for (const value of values) {
    if (isBoundedByBall(graph, value, settings))
      fixed[dualNormsName(value)] = await dualNormsOf(model, value, norm, 'float32')
  }
  const stage = await stageOf(model, `local lipschitz ${norm}`, () => localLipschitzGraph(graph, settings))
  for (let start = 0; start < labels.length && (await budget.next()); start += most) {
    const samples = range(labels.length).slice(start, start + most)
    const part = takeSamples(inputs, samples)
    const radii = epsilon.subarray(start, start + most)
    const ball = inputBall(part, radii, model.domain, settings)
    const layers = await layerByLayer(model, norm, part, budget)
    if (!layers) return
    const tensor = (data: Float32Array, shape: readonly number[]): Tensor => ({ type: 'float32', shape, data })
    const feeds: Record<string, Tensor> = {
      ...fixed,
      [input]: tensor(part.data, part.shape),
      [lowerName(input)]: tensor(ball.lower as Float32Array, part.shape),
      [upperName(input)]: tensor(ball.upper as Float32Array, part.shape),
      radius: tensor(ball.radius as Float32Array, [samples.length]),
    }
    for (const value of values) {
      const { gain, error } = layers.moved.get(value)!
      // The centre is computed anew here, with rounding errors of its own.
      const moved = Float32Array.from(samples, (_, index) => outwards * (gain * radii[index] + 2 * error[index]))
      feeds[movedName(value)] = tensor(moved, [samples.length])
    }
    const partLabels = labels.subarray(start, start + most)
    const rows = marginRows(partLabels, classes)
    const { slopes } = await stage.run({ ...feeds, ...rowFeeds(rows, 0, rows.sample.length) })
    rows.sample.forEach((sample, row) => {
      const [label, other] = [rows.plus[row], rows.minus[row]]
      const { margin } = layers.pair(sample, label, other)
      const { gain, error } = layers.inexactPair(sample)
      const slope = outwards * (slopes.data as Float64Array)[row]
      const improved = margin - error - (slope + gain) * radii[sample]
      const at = (start + sample) * classes + other
      if (improved > margins[at] && radii[sample] < layers.reach(sample)) margins[at] = improved
    })
  }
}
