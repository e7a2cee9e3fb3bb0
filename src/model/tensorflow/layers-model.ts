import { ModelError } from '../../errors.js'
import { type NativeInputs, nativeInputs } from './inputs.js'
import { type Activation, type Compute, countNames, type LayersLogits, type NativeModel, rowOf } from './native.js'
import { isModel, type Layer, type LayersModel, type SymbolicTensor, type TfjsLibrary } from './tfjs.js'
import type { TfjsModelSettings } from './tfjs-model-settings.js'
import { translateLayers } from './translate-layers.js'

/**
 * @throws ModelError when it has several inputs that are left to test, or no output of the name asked for.
 * @throws SettingsError for fixed inputs that do not fit the model.
 */
export function openLayersModel(
  tf: TfjsLibrary,
  model: LayersModel,
  { output: wanted, fixedInputs }: TfjsModelSettings,
): NativeModel {
  const inputs = nativeInputs(tf, model.inputs, fixedInputs)
  const output = findOutput(model, wanted)
  const { activation, ...logits } = findLogits(tf, output)
  return {
    isLayers: true,
    input: inputs.tested,
    output: output.sourceLayer.name,
    outputs: model.outputs.map(({ sourceLayer }) => sourceLayer.name),
    deployed: computeValue(tf, model, output, inputs),
    logits: computeLogits(tf, model, logits, inputs),
    activation,
    operators: countNames(model.layers.map((layer) => layer.getClassName())),
    parameters: model.countParams(),
    translate: (featureShape, tested) =>
      translateLayers(
        model,
        inputs,
        tested.ofLogits ? logits : { value: output, dense: undefined },
        featureShape,
        tested,
      ),
  }
}

function findOutput({ outputs }: LayersModel, wanted: string | undefined): SymbolicTensor {
  const output = wanted === undefined ? outputs[0] : outputs.find(({ sourceLayer }) => sourceLayer.name === wanted)
  if (output) return output
  const names = outputs.map(({ sourceLayer }) => `"${sourceLayer.name}"`).join(', ')
  throw new ModelError(`The model has no output layer "${wanted}"; it has ${names}.`)
}

/**
 * Sees through a softmax over the classes, or the sigmoid of a single score, at the end, also where it is reshaped into a
 * row afterwards, as in MobileNet, or is the end of a model that is used as a layer.
 */
function findLogits(
  tf: TfjsLibrary,
  output: SymbolicTensor,
): LayersLogits & { readonly activation: Activation | undefined } {
  const asItIs = { value: output, dense: undefined, activation: undefined }
  let last = output
  while (['Reshape', 'Flatten'].includes(last.sourceLayer.getClassName())) [last] = inputsOf(last)
  const { sourceLayer } = last
  const [classes] = output.shape.slice(-1)
  const isRow = last.shape.slice(1, -1).every((size) => size === 1) && last.shape.at(-1) === classes
  if (!isRow) return asItIs
  if (isModel(sourceLayer)) {
    const { value, ...inside } = findLogits(tf, sourceLayer.outputs[last.tensorIndex])
    return inside.activation ? { ...inside, value: applied(tf, sourceLayer, value, inputsOf(last)) } : asItIs
  }
  const activation = classes === 1 ? 'sigmoid' : 'softmax'
  if (activationOf(sourceLayer) !== activation) return asItIs
  const [value] = inputsOf(last)
  return { value, dense: sourceLayer.getClassName() === 'Dense' ? sourceLayer : undefined, activation }
}

/** A value inside a model, for these values of its inputs. */
function applied(
  tf: TfjsLibrary,
  { inputs }: LayersModel,
  value: SymbolicTensor,
  given: readonly SymbolicTensor[],
): SymbolicTensor {
  if (inputs.includes(value)) return given[inputs.indexOf(value)]
  return tf.model({ inputs, outputs: value }).apply(given)
}

function inputsOf({ sourceLayer, nodeIndex }: SymbolicTensor): readonly SymbolicTensor[] {
  return sourceLayer.inboundNodes[nodeIndex].inputTensors
}

function activationOf(layer: Layer): unknown {
  const kind = layer.getClassName()
  if (kind === 'Softmax') return 'softmax'
  return kind === 'Dense' || kind === 'Activation' ? layer.getConfig().activation : undefined
}

/** The logits, from the layers of the model itself. */
function computeLogits(
  tf: TfjsLibrary,
  model: LayersModel,
  { value, dense }: LayersLogits,
  inputs: NativeInputs,
): Compute {
  const features = computeValue(tf, model, value, inputs)
  if (!dense) return features
  return (samples) => {
    const [kernel, bias] = dense.getWeights()
    const product = tf.matMul(rowOf(tf, features(samples)), kernel)
    return bias ? tf.add(product, bias) : product
  }
}

function computeValue(
  tf: TfjsLibrary,
  model: LayersModel,
  value: SymbolicTensor,
  { tested, feed }: NativeInputs,
): Compute {
  if (value === tested) return (samples) => samples
  const part = tf.model({ inputs: model.inputs, outputs: value })
  return (samples) => part.apply(feed(samples), { training: false })
}
