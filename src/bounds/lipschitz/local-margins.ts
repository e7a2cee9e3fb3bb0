import type { Tensor } from '../../graph/graph.js'
import type { BallSettings } from '../../passes/ball-settings.js'
import { dualNormsName, isBoundedByBall, lowerName, upperName } from '../../passes/bound-graphs.js'
import { range, takeSamples } from '../../sampling/rows.js'
import type { BoundContext } from '../bound.js'
import { dualNormsOf } from '../dual-norms.js'
import { inputBall } from '../input-ball.js'
import { marginRows, rowFeeds } from '../rows.js'
import { rowsPerRun, stageOf } from '../stage.js'
import { layerByLayer, outwards } from './layer-by-layer.js'
import { LocalDeviations } from './local-deviations.js'
import { centreName, localLipschitzGraph, nonlinearInputs } from './local-graph.js'
import { valuesGraph } from './mlp.js'
import { poolsFirst } from './pools-first.js'

/**
 * Improves `margins` where the margin at the sample, less what the linear function that stands for the model there can lose
 * over the ball and what the operators that are not linear can take away from it, says more.
 */
export async function improveLocally(
  { model, inputs, labels, budget }: BoundContext,
  epsilon: Float64Array,
  settings: BallSettings,
  margins: Float64Array,
): Promise<void> {
  const { classes } = model
  const { norm } = settings
  const swapped = poolsFirst(model.graph)
  const { graph } = swapped
  const [{ name: input }] = graph.inputs
  const isSingle = model.description.batching === 'one at a time'
  const most = isSingle ? 1 : Math.max(1, Math.floor(rowsPerRun(graph) / (classes - 1)))
  const values = nonlinearInputs(graph)
  const fixed: Record<string, Tensor> = {}
  for (const value of values) {
    if (isBoundedByBall(graph, value, settings))
      fixed[dualNormsName(value)] = await dualNormsOf(model, value, norm, 'float32')
  }
  const [{ name: logits }] = graph.outputs
  const centres = await model.compile('centres', () => valuesGraph(graph, [...values, logits], 'float64'))
  for (let start = 0; start < labels.length && (await budget.next()); start += most) {
    const samples = range(labels.length).slice(start, start + most)
    const part = takeSamples(inputs, samples)
    const radii = epsilon.subarray(start, start + most)
    const ball = inputBall(part, radii, model.domain, settings)
    const layers = await layerByLayer(model, norm, part, budget)
    if (!layers) return
    const local = await LocalDeviations.of(model, swapped, layers, norm, radii, budget)
    if (!local) return
    const stage = await stageOf(model, `local lipschitz ${norm}`, () =>
      localLipschitzGraph(graph, local.details, layers.fallingUnits?.output, settings),
    )
    const tensor = (data: Float32Array, shape: readonly number[]): Tensor => ({ type: 'float32', shape, data })
    const partLabels = labels.subarray(start, start + most)
    const rows = marginRows(partLabels, classes)
    const data = Float64Array.from(part.data)
    const found = await centres.run({ [input]: { type: 'float64', shape: part.shape, data } })
    const { falls } = await stage.run({
      ...fixed,
      ...found,
      ...local.feeds(values),
      ...rowFeeds(rows, 0, rows.sample.length),
      ...(await local.unitFeeds(rows)),
      [input]: tensor(part.data, part.shape),
      [lowerName(input)]: tensor(ball.lower as Float32Array, part.shape),
      [upperName(input)]: tensor(ball.upper as Float32Array, part.shape),
      radius: tensor(ball.radius as Float32Array, [samples.length]),
    })
    rows.sample.forEach((sample, row) => {
      const [own, rival] = [rows.plus[row], rows.minus[row]].map((index) => {
        return (found[centreName(logits)].data as Float64Array)[sample * classes + index]
      })
      const improved = own - rival - outwards * (falls.data as Float64Array)[row] - local.vanishing[sample]
      const at = (start + sample) * classes + rows.minus[row]
      if (improved > margins[at] && radii[sample] < layers.reach(sample)) margins[at] = improved
    })
  }
}
