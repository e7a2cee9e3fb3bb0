import { accelerators } from '../engine/device.js'
import { SettingsError } from '../errors.js'
import type { Model } from '../model/model.js'

/**
 * The rounding that bounds account for is that of the CPU: accelerators may multiply in TF32, and convolve by Winograd's
 * method.
 * @throws SettingsError when the model runs on another device.
 */
export function checkDevice({ description: { name, device } }: Pick<Model, 'description'>): void {
  if (!accelerators.some((accelerator) => accelerator === device)) return
  throw new SettingsError(
    `${name} runs on ${device}, and what bounds prove holds for the CPU only. Load it with device: 'cpu' to bound it.`,
  )
}
