import { ModelError, SettingsError } from '../errors.js'
import { allFinite } from '../geometry/float32.js'
import type { Attack, AttackCandidates, AttackContext } from './attack.js'

/**
 * Runs an attack, be it the whole or a part of another one. What it returns could not be judged otherwise: of candidates
 * that are missing, nothing would be said but that they fool nobody.
 * @throws SettingsError when what it returns is not about each of the samples, ModelError when one is not finite.
 */
export async function runMethod(method: Attack, context: AttackContext): Promise<AttackCandidates> {
  const { inputs, labels } = context
  // Attacks of users without types may return nothing: then all that is missing is named.
  const candidates: AttackCandidates = (await method.run(context)) ?? {}
  checkCandidates(method, candidates, inputs.data.length, labels.length)
  if (allFinite(candidates.adversarial)) return candidates
  throw new ModelError(
    `${method.name} ended at an input that is not finite: the model's gradients are NaN or infinite there, so it cannot be attacked this way. An attack without gradients, such as randomNoise, still works.`,
  )
}

/** Attacks of users without types may return anything. */
function checkCandidates(
  { name }: Attack,
  { adversarial, steps, gradientQueries }: Partial<AttackCandidates>,
  numbers: number,
  samples: number,
): void {
  if (adversarial?.length !== numbers) {
    throw new SettingsError(
      `${name} returned ${adversarial?.length ?? 'no'} numbers for inputs of ${numbers}: adversarial must be shaped like the inputs.`,
    )
  }
  for (const [part, counts] of Object.entries({ steps, gradientQueries })) {
    if (counts?.length === samples) continue
    throw new SettingsError(
      `${name} returned ${counts?.length ?? 'no'} ${part} for ${samples} samples: it must return one number for each.`,
    )
  }
}
