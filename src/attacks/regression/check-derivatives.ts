import { ModelError } from '../../errors.js'
import { allFinite } from '../../geometry/float32.js'

/** @throws ModelError unless all of a model's derivatives are finite: others point nowhere. */
export function checkDerivatives(derivatives: Float32Array): Float32Array {
  if (allFinite(derivatives)) return derivatives
  throw new ModelError(
    "The model's derivatives are NaN or infinite at an input inside the domain, so it cannot be attacked this way. An attack without derivatives, such as randomLp, still works.",
  )
}
