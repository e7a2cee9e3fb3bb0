import { createHash } from 'node:crypto'
import { basename, dirname } from 'node:path'
import { refuseUnknown, settingsOf } from '../../arguments.js'
import { GraphRefusedError, ModelError } from '../../errors.js'
import { createDomain, type Domain } from '../../geometry/domain.js'
import type { TypedGraph } from '../../graph/graph.js'
import { ruleOpset } from '../../graph/upgrade.js'
import { rowOf, takeSamples } from '../../sampling/rows.js'
import type { Inputs } from '../../sampling/samples.js'
import { gradientError, gradientTolerance, printGradientError } from '../check-gradient.js'
import { decomposed } from '../decomposed.js'
import { hostedGraph } from '../hosted-graph.js'
import { inferTypes } from '../infer-types.js'
import type { Model, ModelDescription } from '../model.js'
import { OnnxModel } from '../onnx-model.js'
import { prependPreprocessing, preprocess } from '../preprocessing.js'
import { probes } from '../probes.js'
import { agree, compareTranslation, gradientWarning } from './compare.js'
import { checkInput, type Tried } from './examine.js'
import { findTfjs } from './find-tfjs.js'
import { openGraphModel } from './graph-model.js'
import { UntranslatableError } from './layers/layer.js'
import { openLayersModel } from './layers-model.js'
import { type NativeModel, runGradient, runNative, type Tested } from './native.js'
import { readArtifacts } from './read-artifacts.js'
import type { GraphModel, LayersModel, TfjsArtifacts, TfjsLibrary, TfjsModel } from './tfjs.js'
import type { TfjsModelSettings } from './tfjs-model-settings.js'

/** A model that was opened, translated where that is possible, and compared, whatever its output means. */
export interface LoadedTfjsGraph<Output extends ModelDescription['output']> {
  /** What the passes analyse: the translation or, where there is none, what `deployed` is. */
  readonly graph: TypedGraph
  /** One node that has TensorFlow.js run the model. */
  readonly deployed: TypedGraph
  readonly domain: Domain
  readonly description: ModelDescription & { readonly output: Output }
  readonly tested: Tested
  /** What is tested gives these for some probe inputs. */
  readonly probeOutputs: Float32Array
  /** Frees the model, unless it is the caller's. */
  readonly dispose: () => void
}

/** What loading a classifier and loading a regressor do differently. */
interface Loading<Output> {
  /** Name of the function that loads it, for messages. */
  readonly loader: string
  /** Runs the model on one input, and decides what of it is tested. */
  tryOut(tf: TfjsLibrary, native: NativeModel, input: Inputs): Promise<Tried>
  /** @param name That of the output in the model. */
  describe(name: string, tested: Tested, domain: Domain): Output
}

const probeCount = 3

/**
 * Opens a layers model or a graph model with one float32 input, besides those that are fixed, that has a leading batch axis: its model.json, or the
 * model that TensorFlow.js has loaded already.
 * @throws ModelError when it is no such model, or when TensorFlow.js is missing; the message says why.
 * @throws SettingsError when domain or preprocessing do not fit the model.
 */
export async function loadTfjsGraph<Output extends ModelDescription['output']>(
  source: string | TfjsModel,
  settings: TfjsModelSettings,
  loading: Loading<Output>,
): Promise<LoadedTfjsGraph<Output>> {
  checkSource(source, loading.loader)
  checkSettings(settings, loading.loader)
  const tf = await findTfjs(settings.tf)
  const model = typeof source === 'string' ? await load(tf, source) : (source as unknown as LayersModel | GraphModel)
  let isOurs = typeof source === 'string'
  const dispose = () => {
    if (isOurs) model.dispose()
    isOurs = false
  }
  try {
    const named = { ...settings, name: settings.name ?? nameOf(source) }
    return { ...(await open(tf, model, named, loading)), dispose }
  } catch (error) {
    dispose()
    throw error
  }
}

function checkSettings(settings: TfjsModelSettings, loader: string): void {
  const { domain, preprocessing, featureShape, fixedInputs, output, name, tf, batchSize, ...others } = settingsOf(
    loader,
    settings,
    "'model.json', { domain: [0, 1] }",
  )
  refuseUnknown(loader, others)
}

function checkSource(source: string | TfjsModel, loader: string): void {
  if (typeof source === 'string') return
  if (Array.isArray(source?.inputs) && ('layers' in source || 'execute' in source)) return
  throw new ModelError(
    `${loader} takes the path of a model.json, or a model that tf.loadLayersModel or tf.loadGraphModel gave.`,
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

async function open<Output extends ModelDescription['output']>(
  tf: TfjsLibrary,
  model: LayersModel | GraphModel,
  settings: TfjsModelSettings & { readonly name: string },
  { tryOut, describe }: Loading<Output>,
): Promise<Omit<LoadedTfjsGraph<Output>, 'dispose'>> {
  const { name, preprocessing } = settings
  const isLayers = 'layers' in model
  const artifacts = await artifactsOf(model, tf)
  const native = isLayers ? openLayersModel(tf, model, settings) : openGraphModel(tf, model, artifacts, settings)
  const { featureShape, batchSize } = checkInput(native, settings)
  const domain = createDomain(settings.domain, featureShape)
  const complete = (graph: TypedGraph) => (preprocessing ? prependPreprocessing(graph, preprocessing) : graph)
  const inputs = probes(domain, featureShape, probeCount)
  const first = takeSamples(inputs, [0])
  const { tested, outputs } = await tryOut(tf, native, preprocessing ? preprocess(first, preprocessing) : first)
  const description: LoadedTfjsGraph<Output>['description'] = {
    name,
    sha256: digest(artifacts),
    input: { name: native.input.name, featureShape },
    output: describe(native.output, tested, domain),
    operators: native.operators,
    parameters: native.parameters,
    opset: ruleOpset,
    device: `tfjs ${tf.getBackend()}`,
    fidelity: 0,
    batching: 'dynamic',
    warnings: [],
  }
  const modelOf = (graph: TypedGraph) => new OnnxModel(description, { graph, deployed: graph }, domain)
  const host = (most: number, opaque: string, withoutGradient?: string) =>
    complete(
      hostedGraph({
        name,
        featureShape,
        output: tested.name,
        outputShape: tested.shape,
        batchSize: most,
        predict: async (batch) => (await runNative(tf, tested.compute, batch)).data,
        gradient:
          withoutGradient ?? ((batch, cotangents) => runGradient(tf, tested.compute, batch, cotangents, tested.shape)),
        opaque,
      }),
    )
  const runs = 'TensorFlow.js runs it'
  const inBatches = modelOf(host(batchSize, runs))
  const together = await inBatches.predict(inputs).catch(() => undefined)
  await inBatches.close()
  // A file that was made for one sample may refuse several, or mix them up.
  const tellsApart = together && agree(rowOf(together, outputs.length, 0), outputs)
  const most = tellsApart ? batchSize : 1
  const deployed = host(most, runs)
  const asDeployed = modelOf(deployed)
  try {
    const probeOutputs = tellsApart ? together : await asDeployed.predict(inputs)
    const loaded = { domain, description, tested, probeOutputs }
    const untranslated = async (reason: string) => {
      const graph = host(most, reason, await faultOfGradient(asDeployed, tf.getBackend()))
      return { ...loaded, graph, deployed: graph }
    }
    const translation = await translate(tf, native, featureShape, tested)
    if (typeof translation === 'string') return await untranslated(translation)
    const graph = complete(translation)
    const translated = modelOf(graph)
    // Gradients of layers are worth a warning. Whole graphs take TensorFlow.js a minute on its backend cpu.
    const probed = { inputs, outputs: probeOutputs, withGradients: isLayers }
    const compared = await compareTranslation(asDeployed, translated, probed).catch((error: unknown) => {
      if (isLayers || !(error instanceof ModelError)) throw error
      return error.message
    })
    await translated.close()
    if (typeof compared === 'string') return await untranslated(compared)
    const warnings = gradientWarning(compared.ofGradients, tf.getBackend())
    return { ...loaded, description: { ...description, fidelity: compared.ofOutputs, warnings }, graph, deployed }
  } finally {
    await asDeployed.close()
  }
}

/** The model as a graph, or the reason why there is none. */
async function translate(
  tf: TfjsLibrary,
  native: NativeModel,
  featureShape: readonly number[],
  tested: Tested,
): Promise<TypedGraph | string> {
  const backend = tf.getBackend()
  const onGpu = backend === 'webgl' || backend === 'webgpu' || Reflect.get(tf.backend(), 'isUsingGpuDevice') === true
  if (onGpu) return `TensorFlow.js runs it on a GPU (backend ${backend}), whose arithmetic no bound covers`
  try {
    return await decomposed(await inferTypes(await native.translate(featureShape, tested)))
  } catch (error) {
    if (error instanceof UntranslatableError) return error.message
    if (error instanceof ModelError || error instanceof GraphRefusedError) {
      return `its translation to ONNX does not run (${error.message})`
    }
    throw error
  }
}

/** Why the gradients of TensorFlow.js cannot be used; nothing where they can. */
async function faultOfGradient(model: Model, backend: string): Promise<string | undefined> {
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
