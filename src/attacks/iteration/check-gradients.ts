import { ModelError } from '../../errors.js'
import { allFinite } from '../../geometry/float32.js'

/** @throws ModelError when a derivative is NaN or infinite: an attack along it would go nowhere and find nothing. */
export function checkGradients(gradients: Float32Array): void {
  if (allFinite(gradients)) return
  throw new ModelError(
    "The model's gradient is NaN or infinite at a sample, so it cannot be attacked along gradients. An attack without gradients, such as randomNoise, still works.",
  )
}
