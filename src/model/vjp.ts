import { floatTensor } from '../graph/builder.js'
import { featureShape, type TypedGraph } from '../graph/graph.js'
import { vjpGraph } from '../passes/jacobian-graphs.js'
import type { Inputs } from '../sampling/samples.js'
import type { Model } from './model.js'

/** Products Jᵀ·c of the Jacobian at each input with a cotangent shaped like the output; shaped like the inputs. */
export async function vjp(model: Model, { data, shape }: Inputs, cotangents: Float32Array): Promise<Float32Array> {
  const { graph } = model
  const compiled = await model.compile('vjp', () => vjpGraph(graph))
  const { product } = await compiled.run({
    [graph.inputs[0].name]: floatTensor(data, shape),
    cotangents: floatTensor(cotangents, [shape[0], ...outputShape(graph)]),
  })
  return product.data as Float32Array
}

/** Shape of one sample's output. */
export function outputShape({ outputs: [{ name }], values }: TypedGraph): readonly number[] {
  return featureShape(values.get(name)!.shape)!
}
