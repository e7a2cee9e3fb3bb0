import { GraphBuilder } from '../../graph/builder.js'
import { elementCount, type Graph } from '../../graph/graph.js'
import { ruleOpset } from '../../graph/upgrade.js'
import { renameValues } from '../prepare-graph.js'
import type { NativeInputs } from './inputs.js'
import { UntranslatableError, type Weights } from './layers/layer.js'
import { layerRules } from './layers/rules.js'
import { channelsLast, reshaped, type Value } from './layers/value.js'
import type { LayersLogits, Tested } from './native.js'
import { isModel, type Layer, type LayersModel, type SymbolicTensor } from './tfjs.js'

/**
 * A layers model as an ONNX graph from its inputs, channels last, to what is tested.
 * @throws UntranslatableError for a layer without a translation; the message names it.
 */
export async function translateLayers(
  model: LayersModel,
  inputs: NativeInputs,
  { value, dense }: LayersLogits,
  featureShape: readonly number[],
  { name, shape }: Pick<Tested, 'name' | 'shape'>,
): Promise<Graph> {
  const builder = new GraphBuilder(ruleOpset)
  const walk = new Walk(builder)
  for (const input of model.inputs) walk.set(input, inputs.declare(builder, input.name, featureShape))
  const last = await walk.valueOf(value)
  const row = [elementCount(last.shape)]
  const output = dense
    ? await walk.emit(dense, [reshaped(builder, last, { shape: row })], { activation: 'linear' })
    : last
  builder.output(name, channelsLast(builder, reshaped(builder, output, { shape })))
  return renameValues(inputs.complete(builder.build()))
}

/** TensorFlow.js computes these in another way than the operators of their translation, and rounds otherwise. */
const uncovered = new Set(['LayerNormalization', 'gelu', 'selu'])

/** From values back to the layers that make them, each translated once. */
class Walk {
  readonly #builder: GraphBuilder
  readonly #values = new Map<number, Value>()

  constructor(builder: GraphBuilder) {
    this.#builder = builder
  }

  set({ id }: SymbolicTensor, value: Value): void {
    this.#values.set(id, value)
  }

  async valueOf(tensor: SymbolicTensor): Promise<Value> {
    const known = this.#values.get(tensor.id)
    if (known) return known
    const { sourceLayer, nodeIndex, tensorIndex } = tensor
    const inputs: Value[] = []
    for (const input of sourceLayer.inboundNodes[nodeIndex].inputTensors) inputs.push(await this.valueOf(input))
    const value = isModel(sourceLayer)
      ? await this.#inside(sourceLayer, inputs, tensorIndex)
      : await this.emit(sourceLayer, inputs, {}, tensor.shape)
    this.set(tensor, value)
    return value
  }

  /** A model that is used as a layer: the same layers may be used elsewhere, on other values. */
  async #inside(model: LayersModel, inputs: readonly Value[], output: number): Promise<Value> {
    const walk = new Walk(this.#builder)
    model.inputs.forEach((input, index) => walk.set(input, inputs[index]))
    return walk.valueOf(model.outputs[output])
  }

  async emit(
    layer: Layer,
    inputs: readonly Value[],
    changes: Readonly<Record<string, unknown>>,
    shape: readonly (number | null)[] = [],
  ): Promise<Value> {
    const kind = layer.getClassName()
    const rule = layerRules.get(kind)
    if (!rule) throw new UntranslatableError(`its layer "${layer.name}" (${kind}) has no translation to ONNX`)
    const weights: Weights[] = []
    for (const tensor of layer.getWeights()) {
      weights.push({ data: Float32Array.from(await tensor.data()), shape: tensor.shape })
    }
    if (shape.slice(1).includes(null)) {
      throw new UntranslatableError(`its layer "${layer.name}" leaves sizes open: [${shape.join(', ')}]`)
    }
    const config = { ...layer.getConfig(), ...changes }
    const outputShape = shape.slice(1) as number[]
    const composite = [kind, config.activation].find((name) => uncovered.has(String(name)))
    const operator = String(composite ?? kind)
    const whole = { operator, name: layer.name, domain: '', inputs: [], outputs: [], attributes: new Map() }
    try {
      return this.#builder.partsOf(whole, composite !== undefined, () =>
        rule({ builder: this.#builder, config, weights, inputs, outputShape }),
      )
    } catch (error) {
      if (!(error instanceof UntranslatableError)) throw error
      throw new UntranslatableError(`its layer "${layer.name}" (${kind}) has no translation to ONNX: ${error.message}`)
    }
  }
}
