import { basename, dirname } from 'node:path'
import { refuseUnknown, settingsOf } from '../../arguments.js'
import { ModelError } from '../../errors.js'
import { createDomain, type Domain } from '../../geometry/domain.js'
import type { TypedGraph } from '../../graph/graph.js'
import { ruleOpset } from '../../graph/upgrade.js'
import { takeSamples } from '../../sampling/rows.js'
import type { Inputs } from '../../sampling/samples.js'
import type { ModelDescription } from '../model.js'
import { preprocess } from '../preprocessing.js'
import { probes } from '../probes.js'
import { checkInput, type Tried } from './examine.js'
import { findTfjs } from './find-tfjs.js'
import { openGraphModel } from './graph-model.js'
import { faultOfGradient, fitBatches, hostedReason, hostNative, modelOf } from './host-native.js'
import { openLayersModel } from './layers-model.js'
import type { NativeModel, Tested } from './native.js'
import { readArtifacts } from './read-artifacts.js'
import { digest, storedArtifacts } from './stored-artifacts.js'
import type { GraphModel, LayersModel, TfjsLibrary, TfjsModel } from './tfjs.js'
import type { TfjsModelSettings } from './tfjs-model-settings.js'
import { translateAndCompare } from './translate.js'

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
  const artifacts = await storedArtifacts(model, tf)
  const native =
    'layers' in model ? openLayersModel(tf, model, settings) : openGraphModel(tf, model, artifacts, settings)
  const { featureShape, batchSize: most } = checkInput(native, settings)
  const domain = createDomain(settings.domain, featureShape)
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
  const hosting = { tf, tested, preprocessing, description, domain }
  const { batchSize, outputs: probeOutputs } = await fitBatches(hosting, most, inputs, outputs)
  const deployed = hostNative(hosting, batchSize, hostedReason)
  const asDeployed = modelOf(hosting, deployed)
  try {
    const opened = { domain, description, tested, probeOutputs }
    const probed = { inputs, outputs: probeOutputs }
    const translation = await translateAndCompare(hosting, native, asDeployed, probed)
    if (typeof translation === 'string') {
      const graph = hostNative(hosting, batchSize, translation, await faultOfGradient(asDeployed, tf.getBackend()))
      return { ...opened, graph, deployed: graph }
    }
    const { graph, ...measured } = translation
    return { ...opened, description: { ...description, ...measured }, graph, deployed }
  } finally {
    await asDeployed.close()
  }
}
