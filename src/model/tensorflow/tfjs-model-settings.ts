import type { ModelSettings } from '../model-settings.js'
import type { Tfjs } from './tfjs.js'

export interface TfjsModelSettings extends Omit<ModelSettings, 'device'> {
  /** The TensorFlow.js that runs the model. Default: the fastest that is installed. */
  readonly tf?: Tfjs
  /** Most samples that TensorFlow.js is given at once. Default 64. */
  readonly batchSize?: number
}
