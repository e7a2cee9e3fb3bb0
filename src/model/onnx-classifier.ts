import { type CompiledGraph, compileGraph } from '../engine/compiled-graph.js'
import type { Domain } from '../geometry/domain.js'
import { floatTensor, intTensor } from '../graph/builder.js'
import type { Graph, TypedGraph } from '../graph/graph.js'
import { lossGradientGraph } from '../passes/gradient-graph.js'
import type { LossName } from '../passes/losses.js'
import type { Inputs } from '../sampling/samples.js'
import { checkInputs, checkLabels } from './check-inputs.js'
import type { Classifier, ModelDescription } from './classifier.js'

/** A classifier whose graph onnxruntime runs. */
export class OnnxClassifier implements Classifier {
  readonly description: ModelDescription
  readonly graph: TypedGraph
  readonly domain: Domain
  readonly featureShape: readonly number[]
  readonly classes: number
  readonly #compiled = new Map<string, Promise<CompiledGraph>>()

  constructor(description: ModelDescription, graph: TypedGraph, domain: Domain) {
    this.description = description
    this.graph = graph
    this.domain = domain
    this.featureShape = description.input.featureShape
    this.classes = description.output.classes
  }

  async predict(inputs: Inputs): Promise<Float32Array> {
    checkInputs(inputs, this)
    if (inputs.shape[0] === 0) return new Float32Array(0)
    const forward = await this.compile('forward', () => this.graph)
    const results = await forward.run({ [this.graph.inputs[0].name]: floatTensor(inputs.data, inputs.shape) })
    return results[this.graph.outputs[0].name].data as Float32Array
  }

  async inputGradient(inputs: Inputs, labels: ArrayLike<number>, loss: LossName): Promise<Float32Array> {
    checkInputs(inputs, this)
    const checked = checkLabels(labels, inputs.shape[0], this)
    if (checked.length === 0) return new Float32Array(0)
    const gradient = await this.compile(`gradient ${loss}`, () => lossGradientGraph(this.graph, loss))
    const results = await gradient.run({
      [this.graph.inputs[0].name]: floatTensor(inputs.data, inputs.shape),
      labels: intTensor(checked),
    })
    return results.gradient.data as Float32Array
  }

  compile(key: string, build: () => Graph): Promise<CompiledGraph> {
    const known = this.#compiled.get(key)
    if (known) return known
    const compiled = Promise.resolve().then(() => compileGraph(build(), this.description.batching === 'one at a time'))
    this.#compiled.set(key, compiled)
    return compiled
  }

  async close(): Promise<void> {
    const compiled = await Promise.allSettled(this.#compiled.values())
    this.#compiled.clear()
    for (const result of compiled) if (result.status === 'fulfilled') await result.value.release()
  }
}
