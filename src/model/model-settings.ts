import type { Device } from '../engine/device.js'
import type { DomainSettings } from '../geometry/domain.js'
import type { FixedInput } from './fixed-inputs.js'
import type { Preprocessing } from './preprocessing.js'

/** What loading a model needs to know besides the file. */
export interface ModelSettings {
  /** Box that inputs live in, in input units: `[lower, upper]`, or per feature. Adversarial examples stay inside it. */
  readonly domain: readonly [number, number] | DomainSettings
  /** Normalisation applied before the model. Default: none. */
  readonly preprocessing?: Preprocessing
  /** Shape of one sample, where the file leaves sizes other than the batch open. */
  readonly featureShape?: readonly number[]
  /** Output to test, where the model has several. Default: the first one of float32 numbers. */
  readonly output?: string
  /** What the other inputs always get, by their names, where the model has several. Default: none. */
  readonly fixedInputs?: Readonly<Record<string, FixedInput>>
  /**
   * What the model and the attacks on it run on. `auto`: the first accelerator that this build of onnxruntime has and that
   * works, else the CPU with a warning. Default `cpu`: the same seed gives the same result there, and only there do bounds
   * hold.
   */
  readonly device?: Device | 'auto'
  /** Name in reports. Default: the file name. */
  readonly name?: string
}
