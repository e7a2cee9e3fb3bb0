import { ModelError } from '../../errors.js'
import type { Domain } from '../../geometry/domain.js'
import { elementCount, type TypedGraph } from '../../graph/graph.js'
import { rowOf, takeSamples } from '../../sampling/rows.js'
import type { Inputs } from '../../sampling/samples.js'
import { gradientError, gradientTolerance, printGradientError } from '../check-gradient.js'
import { hostedGraph } from '../hosted-graph.js'
import type { Model, ModelDescription } from '../model.js'
import { OnnxModel } from '../onnx-model.js'
import { type Preprocessing, prependPreprocessing } from '../preprocessing.js'
import { agree } from './compare.js'
import { runGradient, runNative, type Tested } from './native.js'
import type { TfjsLibrary } from './tfjs.js'

/** What of a model is tested, for TensorFlow.js to run. */
export interface Hosting {
  readonly tf: TfjsLibrary
  readonly tested: Tested
  readonly preprocessing: Preprocessing | undefined
  readonly description: ModelDescription
  readonly domain: Domain
}

/** Why the graph of a model that TensorFlow.js runs has no operators. */
export const hostedReason = 'TensorFlow.js runs it'

/**
 * A graph of one node that has TensorFlow.js run the model on that many samples at most.
 * @param opaque Why the graph does not show its operators.
 * @param withoutGradient Why there are no gradients; default: those of TensorFlow.js.
 */
export function hostNative(
  { tf, tested, preprocessing, description }: Hosting,
  batchSize: number,
  opaque: string,
  withoutGradient?: string,
): TypedGraph {
  const { compute, name: output, shape: outputShape } = tested
  const graph = hostedGraph({
    name: description.name,
    featureShape: description.input.featureShape,
    output,
    outputShape,
    batchSize,
    predict: async (batch) => {
      const { data, shape } = await runNative(tf, compute, batch)
      if (data.length === batch.shape[0] * elementCount(outputShape)) return data
      throw new ModelError(`For ${batch.shape[0]} samples the model gives an output of shape [${shape.join(', ')}].`)
    },
    gradient: withoutGradient ?? ((batch, cotangents) => runGradient(tf, compute, batch, cotangents, outputShape)),
    opaque,
  })
  return preprocessing ? prependPreprocessing(graph, preprocessing) : graph
}

/** The model whose graph that is, for analysis and predictions alike. */
export function modelOf({ description, domain }: Hosting, graph: TypedGraph): OnnxModel {
  return new OnnxModel(description, { graph, deployed: graph }, domain)
}

/**
 * How many samples TensorFlow.js is given at once, and what it gives for some inputs: one sample at a time where a file that was made for
 * one refuses several, or mixes them up.
 * @param most How many are allowed.
 * @param first What it gives for the first of the inputs alone.
 */
export async function fitBatches(
  hosting: Hosting,
  most: number,
  inputs: Inputs,
  first: Float32Array,
): Promise<{ readonly batchSize: number; readonly outputs: Float32Array }> {
  const last = inputs.shape[0] - 1
  const inBatches = modelOf(hosting, hostNative(hosting, most, hostedReason))
  const oneByOne = modelOf(hosting, hostNative(hosting, 1, hostedReason))
  try {
    const together = await inBatches.predict(inputs).catch(() => undefined)
    if (together && agree(rowOf(together, first.length, 0), first)) {
      const alone = await oneByOne.predict(takeSamples(inputs, [last]))
      if (agree(rowOf(together, first.length, last), alone)) return { batchSize: most, outputs: together }
    }
    return { batchSize: 1, outputs: await oneByOne.predict(inputs) }
  } finally {
    await inBatches.close()
    await oneByOne.close()
  }
}

/** Why the gradients of TensorFlow.js cannot be used; nothing where they can. */
export async function faultOfGradient(model: Model, backend: string): Promise<string | undefined> {
  let error: number
  try {
    error = await gradientError(model)
  } catch (cause) {
    return `TensorFlow.js cannot differentiate it on the backend ${backend} (${(cause as Error).message.trim()})`
  }
  if (error <= gradientTolerance) return undefined
  return `the gradient that TensorFlow.js gives on the backend ${backend} ${printGradientError(error)}; another backend may have the right one`
}
