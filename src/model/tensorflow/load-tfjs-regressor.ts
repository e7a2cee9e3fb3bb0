import { settingsOf } from '../../arguments.js'
import type { RegressorSettings } from '../load-regressor.js'
import { OnnxRegressor } from '../onnx-regressor.js'
import { outputRangeOf } from '../output-range.js'
import type { Regressor } from '../regressor.js'
import { tryRegressor } from './examine.js'
import { loadTfjsGraph } from './load-tfjs-graph.js'
import type { TfjsModel } from './tfjs.js'
import type { TfjsModelSettings } from './tfjs-model-settings.js'

export interface TfjsRegressorSettings extends TfjsModelSettings, Pick<RegressorSettings, 'outputRange'> {}

/**
 * Loads a TensorFlow.js regressor (autoencoder, landmarks, detection) as {@link loadTfjsModel} loads a classifier, with
 * one float32 input and one float32 output, both with a leading batch axis. Nothing is cut off its end, and outputs are
 * channels last, as the model has them. Without a translation, attacks that need products with the Jacobian itself
 * (`quadratic`, `quadraticPixel`) are refused.
 * @throws ModelError when it is no regressor that can be tested, or when TensorFlow.js is missing; the message says why.
 * @throws SettingsError when domain, preprocessing or output range do not fit the model.
 */
export async function loadTfjsRegressor(
  source: string | TfjsModel,
  settings: TfjsRegressorSettings,
): Promise<Regressor> {
  const { outputRange, ...others } = settingsOf('loadTfjsRegressor', settings, "'model.json', { domain: [0, 1] }")
  const { graph, deployed, domain, description, dispose } = await loadTfjsGraph(source, others, {
    loader: 'loadTfjsRegressor',
    tryOut: tryRegressor,
    describe: (name, { shape }, box) => ({ name, shape, range: outputRangeOf(outputRange, box) }),
  })
  return new OnnxRegressor(description, { graph, deployed }, domain, { dispose })
}
