import { ModelError } from '../../errors.js'
import { type Activation, type Compute, countNames, type LayersLogits, type NativeModel } from './native.js'
import type { Layer, LayersModel, SymbolicTensor, TfjsLibrary } from './tfjs.js'

/** @throws ModelError when it has several inputs, or no output of the name asked for. */
export function openLayersModel(tf: TfjsLibrary, model: LayersModel, wanted: string | undefined): NativeModel {
  const [input, ...others] = model.inputs
  if (others.length > 0) throw new ModelError(`The model has ${model.inputs.length} inputs; it must have one.`)
  const output = findOutput(model, wanted)
  const { activation, ...logits } = findLogits(output)
  return {
    input,
    output: output.sourceLayer.name,
    deployed: computeValue(tf, model, output),
    logits: computeLogits(tf, model, logits),
    activation,
    operators: countNames(model.layers.map((layer) => layer.getClassName())),
    parameters: model.countParams(),
    layers: { model, logits },
  }
}

function findOutput({ outputs }: LayersModel, wanted: string | undefined): SymbolicTensor {
  const output = wanted === undefined ? outputs[0] : outputs.find(({ sourceLayer }) => sourceLayer.name === wanted)
  if (output) return output
  const names = outputs.map(({ sourceLayer }) => `"${sourceLayer.name}"`).join(', ')
  throw new ModelError(`The model has no output layer "${wanted}"; it has ${names}.`)
}

/** Sees through a softmax over the classes, or the sigmoid of a single score, at the end. */
function findLogits(output: SymbolicTensor): LayersLogits & { readonly activation: Activation | undefined } {
  const { sourceLayer, nodeIndex, shape } = output
  const activation = shape.length === 2 && shape[1] === 1 ? 'sigmoid' : 'softmax'
  if (activationOf(sourceLayer) !== activation) return { value: output, dense: undefined, activation: undefined }
  const [value] = sourceLayer.inboundNodes[nodeIndex].inputTensors
  return { value, dense: sourceLayer.getClassName() === 'Dense' ? sourceLayer : undefined, activation }
}

function activationOf(layer: Layer): unknown {
  const kind = layer.getClassName()
  if (kind === 'Softmax') return 'softmax'
  return kind === 'Dense' || kind === 'Activation' ? layer.getConfig().activation : undefined
}

/** The logits, from the layers of the model itself. */
function computeLogits(tf: TfjsLibrary, model: LayersModel, { value, dense }: LayersLogits): Compute {
  const features = computeValue(tf, model, value)
  if (!dense) return features
  return (inputs) => {
    const [kernel, bias] = dense.getWeights()
    const product = tf.matMul(features(inputs), kernel)
    return bias ? tf.add(product, bias) : product
  }
}

function computeValue(tf: TfjsLibrary, model: LayersModel, value: SymbolicTensor): Compute {
  if (value.id === model.inputs[0].id) return (inputs) => inputs
  const part = tf.model({ inputs: model.inputs, outputs: value })
  return (inputs) => part.apply(inputs, { training: false })
}
