import { engine } from '../../src/engine/engine.js'
import { GraphBuilder } from '../../src/graph/builder.js'
import type { Tensor } from '../../src/graph/graph.js'
import type { Model } from '../../src/model/model.js'
import { ruleContext } from '../../src/passes/context.js'
import { declareInputs, emitForward } from '../../src/passes/forward.js'
import type { Inputs } from '../../src/sampling/samples.js'

const step = 1e-6

/** Central differences of the model's outputs along a direction, in float64. */
export async function directionalDerivative(
  model: Model,
  { data, shape }: Inputs,
  direction: Float64Array,
): Promise<Float64Array> {
  const { graph } = model
  const builder = new GraphBuilder(graph.opset, 'float64')
  declareInputs(graph, builder)
  const forward = emitForward(graph, ruleContext(graph, builder))
  builder.output('output', forward.get(graph.outputs[0].name)!)
  // The runtime's optimiser makes fused operators that it has no float64 kernels for.
  const session = await engine.createSession(builder.build(), { optimization: 'none' })
  const at = async (sign: number) => {
    const moved = Float64Array.from(data, (value, index) => value + sign * step * direction[index])
    const feed: Tensor = { type: 'float64', shape, data: moved }
    return (await session.run({ [graph.inputs[0].name]: feed })).output.data as Float64Array
  }
  try {
    const [ahead, behind] = [await at(1), await at(-1)]
    return ahead.map((value, index) => (value - behind[index]) / (2 * step))
  } finally {
    await session.release()
  }
}
