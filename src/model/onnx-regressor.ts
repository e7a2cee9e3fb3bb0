import { SampleError } from '../errors.js'
import { floatTensor } from '../graph/builder.js'
import { jvpGraph, vjpGraph } from '../passes/jacobian-graphs.js'
import type { Inputs } from '../sampling/samples.js'
import { checkShape } from './check-inputs.js'
import { OnnxModel } from './onnx-model.js'
import type { Regressor } from './regressor.js'

/** A regressor whose graph onnxruntime runs. */
export class OnnxRegressor extends OnnxModel<Regressor['description']> implements Regressor {
  readonly outputShape = this.description.output.shape
  readonly outputRange = this.description.output.range

  async vjp(inputs: Inputs, cotangents: Float32Array): Promise<Float32Array> {
    checkShape(inputs, this)
    const feeds = { cotangents: this.#rows('cotangents', cotangents, inputs.shape[0], this.outputShape) }
    return this.evaluate('vjp', () => vjpGraph(this.graph), 'product', inputs, feeds)
  }

  async jvp(inputs: Inputs, tangents: Float32Array): Promise<Float32Array> {
    checkShape(inputs, this)
    const feeds = { tangents: this.#rows('tangents', tangents, inputs.shape[0], this.featureShape) }
    return this.evaluate('jvp', () => jvpGraph(this.graph), 'product', inputs, feeds)
  }

  #rows(name: string, data: Float32Array, count: number, shape: readonly number[]) {
    const rows = [count, ...shape]
    const needed = rows.reduce((product, size) => product * size, 1)
    if (data.length === needed) return floatTensor(data, rows)
    throw new SampleError(`${data.length} ${name} for shape [${rows.join(', ')}], which needs ${needed}.`)
  }
}
