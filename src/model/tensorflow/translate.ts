import { GraphRefusedError, ModelError } from '../../errors.js'
import type { TypedGraph } from '../../graph/graph.js'
import type { Inputs } from '../../sampling/samples.js'
import { decomposed } from '../decomposed.js'
import { inferTypes } from '../infer-types.js'
import type { Model } from '../model.js'
import { prependPreprocessing } from '../preprocessing.js'
import { straightThroughWarnings } from '../straight-through.js'
import { compareTranslation, gradientWarning } from './compare.js'
import { type Hosting, modelOf } from './host-native.js'
import { UntranslatableError } from './layers/layer.js'
import type { NativeModel, Tested } from './native.js'
import type { TfjsLibrary } from './tfjs.js'

/** A model as a graph, and how far it is from what TensorFlow.js runs. */
export interface Translation {
  readonly graph: TypedGraph
  /** Largest difference of the outputs, relative to the largest of them. */
  readonly fidelity: number
  readonly warnings: readonly string[]
}

/**
 * The model as a graph that was compared with the one that TensorFlow.js runs, or the reason why there is none.
 * @param probed Inputs, and what TensorFlow.js gives for them.
 * @throws ModelError where the translation of a layers model gives other outputs.
 */
export async function translateAndCompare(
  hosting: Hosting,
  native: NativeModel,
  asDeployed: Model,
  probed: { readonly inputs: Inputs; readonly outputs: Float32Array },
): Promise<Translation | string> {
  const { tf, tested, preprocessing, description } = hosting
  const translation = await translate(tf, native, description.input.featureShape, tested)
  if (typeof translation === 'string') return translation
  const graph = preprocessing ? prependPreprocessing(translation, preprocessing) : translation
  const translated = modelOf(hosting, graph)
  // Gradients of layers are worth a warning. Whole graphs take TensorFlow.js a minute on its backend cpu.
  const { isLayers } = native
  try {
    const compared = await compareTranslation(asDeployed, translated, { ...probed, withGradients: isLayers })
    return {
      graph,
      fidelity: compared.ofOutputs,
      warnings: [
        ...gradientWarning(compared.ofGradients, tf.getBackend()),
        ...straightThroughWarnings(graph, compared.ofOutputs),
      ],
    }
  } catch (error) {
    if (isLayers || !(error instanceof ModelError)) throw error
    return error.message
  } finally {
    await translated.close()
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
