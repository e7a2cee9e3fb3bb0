import { type CompiledGraph, compileGraph } from '../engine/compiled-graph.js'
import type { Device } from '../engine/device.js'
import { UnsupportedOperatorError } from '../errors.js'
import type { Domain } from '../geometry/domain.js'
import { floatTensor } from '../graph/builder.js'
import { type Graph, nodeLabel, type Tensor, type TypedGraph } from '../graph/graph.js'
import { findOperator } from '../operators/registry.js'
import { findActivations } from '../passes/context.js'
import type { Inputs } from '../sampling/samples.js'
import { checkInputs } from './check-inputs.js'
import type { Model, ModelDescription } from './model.js'

/** What classifiers and regressors share: a graph that onnxruntime runs, and the graphs made from it. */
export class OnnxModel<Description extends ModelDescription = ModelDescription> implements Model {
  readonly description: Description
  readonly graph: TypedGraph
  readonly deployed: TypedGraph
  readonly domain: Domain
  readonly featureShape: readonly number[]
  readonly #device: Device
  readonly #dispose: () => void
  readonly #compiled = new Map<string, Promise<CompiledGraph>>()

  /** @param settings `dispose` frees what the model holds besides, and may be called more than once. */
  constructor(
    description: Description,
    { graph, deployed }: { graph: TypedGraph; deployed: TypedGraph },
    domain: Domain,
    { device = 'cpu', dispose = () => {} }: { readonly device?: Device; readonly dispose?: () => void } = {},
  ) {
    this.#device = device
    this.#dispose = dispose
    this.description = description
    this.graph = graph
    this.deployed = deployed
    this.domain = domain
    this.featureShape = description.input.featureShape
  }

  predict(inputs: Inputs): Promise<Float32Array> {
    return this.evaluate('forward', () => this.deployed, this.deployed.outputs[0].name, inputs)
  }

  /** Runs a graph made from this model on inputs and what else it takes, and gives one of its outputs. */
  protected async evaluate(
    key: string,
    build: () => Graph,
    output: string,
    inputs: Inputs,
    others: Readonly<Record<string, Tensor>> = {},
  ): Promise<Float32Array> {
    checkInputs(inputs, this)
    if (inputs.shape[0] === 0) return new Float32Array(0)
    const compiled = await this.compile(key, build)
    const feeds = { [this.graph.inputs[0].name]: floatTensor(inputs.data, inputs.shape), ...others }
    return (await compiled.run(feeds))[output].data as Float32Array
  }

  compile(key: string, build: () => Graph): Promise<CompiledGraph> {
    const known = this.#compiled.get(key)
    if (known) return known
    const oneAtATime = this.description.batching === 'one at a time'
    const compiled = Promise.resolve()
      .then(() => compileGraph(build(), oneAtATime, this.#device))
      .catch((error) => {
        throw error instanceof UnsupportedOperatorError ? firstCause(error, this.graph) : error
      })
    this.#compiled.set(key, compiled)
    return compiled
  }

  async close(): Promise<void> {
    const compiled = await Promise.allSettled(this.#compiled.values())
    this.#compiled.clear()
    await Promise.all(compiled.map((result) => result.status === 'fulfilled' && result.value.release()))
    this.#dispose()
  }
}

/** Passes may meet what follows from an operator without any rule, such as a scale that no batch has, before it. */
function firstCause(error: UnsupportedOperatorError, graph: TypedGraph): UnsupportedOperatorError {
  const activations = findActivations(graph)
  const node = graph.nodes.find((one) => one.outputs.some((output) => activations.has(output)) && !findOperator(one))
  if (!node) return error
  const { analysis, remedy } = error
  return new UnsupportedOperatorError({ operator: node.operator, node: nodeLabel(node), analysis, remedy })
}
