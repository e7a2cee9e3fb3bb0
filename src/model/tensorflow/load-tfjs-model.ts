import { createHash } from 'node:crypto'
import { basename, dirname } from 'node:path'
import { refuseUnknown, settingsOf } from '../../arguments.js'
import { GraphRefusedError, ModelError } from '../../errors.js'
import { createDomain } from '../../geometry/domain.js'
import { elementCount, type TypedGraph } from '../../graph/graph.js'
import { ruleOpset } from '../../graph/upgrade.js'
import { gradientError, gradientTolerance, printGradientError } from '../check-gradient.js'
import type { Classifier } from '../classifier.js'
import { decomposed } from '../decomposed.js'
import { hostedGraph } from '../hosted-graph.js'
import { inferTypes } from '../infer-types.js'
import { OnnxClassifier } from '../onnx-classifier.js'
import { prependPreprocessing } from '../preprocessing.js'
import { activationWarnings, probabilityWarning } from '../probabilities.js'
import { probes } from '../probes.js'
import { withTwoLogits } from '../two-logits.js'
import { compareTranslation, gradientWarning } from './compare.js'
import { checkInput, tryOut } from './examine.js'
import { findTfjs } from './find-tfjs.js'
import { openGraphModel } from './graph-model.js'
import { UntranslatableError } from './layers/layer.js'
import { openLayersModel } from './layers-model.js'
import { type NativeModel, runGradient, runNative } from './native.js'
import { readArtifacts } from './read-artifacts.js'
import type { GraphModel, LayersModel, TfjsArtifacts, TfjsLibrary, TfjsModel } from './tfjs.js'
import { TfjsClassifier } from './tfjs-classifier.js'
import type { TfjsModelSettings } from './tfjs-model-settings.js'

/**
 * Loads a TensorFlow.js classifier, a layers model or a graph model: its model.json, or the model that TensorFlow.js has
 * loaded already, which stays the caller's. It has one float32 input with a leading batch axis, and one row of logits per
 * sample; a softmax at the end, or the sigmoid of a single score, is seen through.
 *
 * Predictions are those of TensorFlow.js. The model is also translated to an ONNX graph, on which attacks and bounds run:
 * loading compares the two. Where there is no translation (of a layer or an operation; on GPUs), gradients are those of
 * TensorFlow.js, compared with finite differences, and bounds are refused.
 * @throws ModelError when it is no classifier that can be tested, or when TensorFlow.js is missing; the message says why.
 * @throws SettingsError when domain or preprocessing do not fit the model.
 */
export async function loadTfjsModel(source: string | TfjsModel, settings: TfjsModelSettings): Promise<Classifier> {
  checkSource(source)
  checkSettings(settings)
  const tf = await findTfjs(settings.tf)
  const model = typeof source === 'string' ? await load(tf, source) : (source as unknown as LayersModel | GraphModel)
  let isOurs = typeof source === 'string'
  const dispose = () => {
    if (isOurs) model.dispose()
    isOurs = false
  }
  try {
    return await open(tf, model, dispose, { ...settings, name: settings.name ?? nameOf(source) })
  } catch (error) {
    dispose()
    throw error
  }
}

function checkSettings(settings: TfjsModelSettings): void {
  const { domain, preprocessing, featureShape, output, name, tf, batchSize, ...others } = settingsOf(
    'loadTfjsModel',
    settings,
    "'model.json', { domain: [0, 1] }",
  )
  refuseUnknown('loadTfjsModel', others)
}

function checkSource(source: string | TfjsModel): void {
  if (typeof source === 'string') return
  if (Array.isArray(source?.inputs) && ('layers' in source || 'execute' in source)) return
  throw new ModelError(
    'loadTfjsModel takes the path of a model.json, or a model that tf.loadLayersModel or tf.loadGraphModel gave.',
  )
}

async function load(tf: TfjsLibrary, path: string): Promise<LayersModel | GraphModel> {
  const { format, artifacts } = await readArtifacts(path)
  const handler = tf.io.fromMemory(artifacts)
  try {
    return await (format === 'graph-model' ? tf.loadGraphModel(handler) : tf.loadLayersModel(handler))
  } catch (cause) {
    throw new ModelError(`TensorFlow.js cannot load ${path}: ${(cause as Error).message}`, { cause })
  }
}

/** Files are called model.json, all of them; their folders have names. */
function nameOf(source: string | TfjsModel): string {
  if (typeof source !== 'string') return 'name' in source ? String(source.name) : 'model'
  const file = basename(source)
  return file === 'model.json' ? basename(dirname(source)) : file
}

async function open(
  tf: TfjsLibrary,
  model: LayersModel | GraphModel,
  dispose: () => void,
  settings: TfjsModelSettings & { readonly name: string },
): Promise<Classifier> {
  const { name, preprocessing } = settings
  const artifacts = await artifactsOf(model, tf)
  const native =
    'layers' in model
      ? openLayersModel(tf, model, settings.output)
      : openGraphModel(tf, model, artifacts, settings.output)
  const { featureShape, batchSize } = checkInput(native, settings)
  const domain = createDomain(settings.domain, featureShape)
  const tried = await tryOut(tf, native, probes(domain, featureShape, 1))
  const { outputName, outputShape, compute, probabilities } = tried
  const outputs = elementCount(outputShape)
  const complete = (graph: TypedGraph) => {
    const logits = outputs === 1 ? withTwoLogits(graph) : graph
    return preprocessing ? prependPreprocessing(logits, preprocessing) : logits
  }
  const translation = await translate(tf, native, featureShape, tried)
  const squashing = typeof translation === 'string' || outputs === 1 ? [] : activationWarnings(translation)
  const host = (opaque: string, withoutGradient?: string) =>
    complete(
      hostedGraph({
        name,
        featureShape,
        output: outputName,
        outputs,
        batchSize,
        predict: async (inputs) => (await runNative(tf, compute, inputs)).data,
        gradient:
          withoutGradient ?? ((inputs, cotangents) => runGradient(tf, compute, inputs, cotangents, outputShape)),
        opaque,
      }),
    )
  const description: Classifier['description'] = {
    name,
    sha256: digest(artifacts),
    input: { name: native.input.name, featureShape },
    output: { name: native.output, classes: Math.max(outputs, 2) },
    operators: native.operators,
    parameters: native.parameters,
    opset: ruleOpset,
    device: `tfjs ${tf.getBackend()}`,
    fidelity: 0,
    batching: 'dynamic',
    warnings: probabilities ? [probabilityWarning] : squashing,
  }
  const deployed = host('TensorFlow.js runs it')
  const asDeployed = new OnnxClassifier(description, { graph: deployed, deployed }, domain)
  try {
    const untranslated = async (reason: string) => {
      const graph = host(reason, await faultOfGradient(asDeployed, tf.getBackend()))
      return new TfjsClassifier(description, { graph, deployed: graph }, domain, dispose)
    }
    if (typeof translation === 'string') return await untranslated(translation)
    const graph = complete(translation)
    const translated = new OnnxClassifier(description, { graph, deployed: graph }, domain)
    // Those of layers are worth a warning. Whole graphs take TensorFlow.js a minute on its backend cpu.
    const isLayers = 'layers' in model
    const compared = await compareTranslation(asDeployed, translated, isLayers).catch((error: unknown) => {
      if (isLayers || !(error instanceof ModelError)) throw error
      return error.message
    })
    await translated.close()
    if (typeof compared === 'string') return await untranslated(compared)
    const { logits, gradients } = compared
    const warnings = [...description.warnings, ...gradientWarning(gradients, tf.getBackend())]
    return new TfjsClassifier({ ...description, fidelity: logits, warnings }, { graph, deployed }, domain, dispose)
  } finally {
    await asDeployed.close()
  }
}

/** The model as a graph, or the reason why there is none. */
async function translate(
  tf: TfjsLibrary,
  native: NativeModel,
  featureShape: readonly number[],
  { outputName, seesThrough }: { readonly outputName: string; readonly seesThrough: boolean },
): Promise<TypedGraph | string> {
  const backend = tf.getBackend()
  const onGpu = backend === 'webgl' || backend === 'webgpu' || Reflect.get(tf.backend(), 'isUsingGpuDevice') === true
  if (onGpu) return `TensorFlow.js runs it on a GPU (backend ${backend}), whose arithmetic no bound covers`
  try {
    return await decomposed(await inferTypes(await native.translate(featureShape, outputName, seesThrough)))
  } catch (error) {
    if (error instanceof UntranslatableError) return error.message
    if (error instanceof ModelError || error instanceof GraphRefusedError) {
      return `its translation to ONNX does not run (${error.message})`
    }
    throw error
  }
}

/** Why the gradients of TensorFlow.js cannot be used; nothing where they can. */
async function faultOfGradient(model: Classifier, backend: string): Promise<string | undefined> {
  let error: number
  try {
    error = await gradientError(model)
  } catch (cause) {
    return `TensorFlow.js cannot differentiate it on the backend ${backend} (${(cause as Error).message.trim()})`
  }
  if (error <= gradientTolerance) return undefined
  return `the gradient that TensorFlow.js gives on the backend ${backend} ${printGradientError(error)}; another backend may have the right one`
}

async function artifactsOf(model: LayersModel | GraphModel, tf: TfjsLibrary): Promise<TfjsArtifacts> {
  let found: TfjsArtifacts = {}
  const save = async (artifacts: TfjsArtifacts) => {
    found = artifacts
    return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } }
  }
  await model.save(tf.io.withSaveHandler(save))
  return found
}

function digest({ modelTopology, weightData = [] }: TfjsArtifacts): string {
  const hash = createHash('sha256').update(JSON.stringify(modelTopology) ?? '')
  for (const part of Array.isArray(weightData) ? weightData : [weightData]) hash.update(new Uint8Array(part))
  return hash.digest('hex')
}
