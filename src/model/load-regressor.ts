import { settingsOf } from '../arguments.js'
import { ModelError } from '../errors.js'
import type { TypedGraph } from '../graph/graph.js'
import { loadGraph, outputType } from './load-graph.js'
import type { ModelSettings } from './model-settings.js'
import { OnnxRegressor } from './onnx-regressor.js'
import { outputRangeOf } from './output-range.js'
import type { Regressor } from './regressor.js'

export interface RegressorSettings extends ModelSettings {
  /**
   * Lowest and highest number that outputs are meant to take; its width is the peak of the output's PSNR. Default: the
   * range of the domain over all features, which is right for models from images to images.
   */
  readonly outputRange?: readonly [number, number]
}

/**
 * Loads an ONNX regressor (autoencoder, colourisation, detection): one float32 input and one float32 output, both with a
 * leading batch axis. Nothing is cut off its end.
 * @throws ModelError when the file is no ONNX regressor that can be tested; the message says why.
 * @throws SettingsError when domain, preprocessing or output range do not fit the model.
 */
export async function loadRegressor(
  pathOrBytes: string | Uint8Array | ArrayBuffer,
  settings: RegressorSettings,
): Promise<Regressor> {
  const { outputRange, ...others } = settingsOf('loadRegressor', settings, "'model.onnx', { domain: [0, 1] }")
  const { graph, deployed, domain, description, device, output } = await loadGraph(pathOrBytes, others, {
    loader: 'loadRegressor',
    cutSoftmax: false,
    checkOutput: outputShape,
  })
  return new OnnxRegressor(
    {
      ...description,
      output: { name: output, shape: outputShape(deployed, output), range: outputRangeOf(outputRange, domain) },
    },
    { graph, deployed },
    domain,
    { device },
  )
}

function outputShape(graph: TypedGraph, output: string): readonly number[] {
  const { printed, isFloat, shape } = outputType(graph)
  if (isFloat && shape && shape.length > 0) return shape
  throw new ModelError(
    `The output "${output}" is ${printed}; a regressor gives float32 outputs of shape [n, ...] with sizes that do not depend on the batch. If another output is meant, name it: loadRegressor(path, { output: '…' }).`,
  )
}
