import { formatPercent } from '../format.js'
import type { Attack, AttackedSample } from './attack.js'

/** What may have kept an attack from fooling more, and of how many samples. */
export interface Signs {
  /** Samples not fooled whose gradients were exactly zero. */
  readonly vanished: number
  /** Samples not fooled whose scores never changed. */
  readonly flat: number
  /** Samples where a slope of the model is infinite, not fooled or, by an attack without a radius, maybe from too far. */
  readonly steep: number
  /** Samples not fooled although their ball holds the whole domain. */
  readonly standingAnywhere: number
  /** Samples of which an attack that looks for the closest adversarial example found none, anywhere in the domain. */
  readonly unfound: number
}

/** What is known about an attack once its candidates are re-checked. */
export interface AttackOverview extends Signs {
  readonly settings: Attack['settings']
  readonly samples: readonly AttackedSample[]
  readonly eligible: number
  readonly fooled: number
  readonly labelled: boolean
  readonly cleanAccuracy: number
  readonly interrupted: boolean
  /** Why samples are left of which the attack promises a proof, one for each. */
  readonly unproved: readonly string[]
}

/** All of them; docs/warnings.md has a section on each. */
export const attackWarningRules = {
  noneEligible,
  poorAccuracy,
  vanishedGradients,
  infiniteSlopes,
  flatScores,
  noiseSuffices,
  standingAnywhere,
  noneFound,
  interrupted,
  unproved,
}

/** Signs that a result says less about the model than it seems to: what was seen, what it means, what to do. */
export function attackWarnings(findings: AttackOverview): string[] {
  return Object.values(attackWarningRules)
    .map((warning) => warning(findings))
    .filter((warning) => warning !== undefined)
}

function noneEligible({ eligible, samples }: AttackOverview): string | undefined {
  if (eligible > 0) return undefined
  return `None of the ${samples.length} samples was eligible: only samples that the model classifies correctly (and, for a targeted attack, not as the target) can be attacked. Nothing was tested; check labels and preprocessing.`
}

/** Raised below one half: trained classifiers do better, a wrong normalisation or label order does not. */
function poorAccuracy({ labelled, cleanAccuracy }: AttackOverview): string | undefined {
  if (!labelled || !(cleanAccuracy < 0.5)) return undefined
  return `The model classifies only ${formatPercent(cleanAccuracy)} of the unperturbed samples correctly, so the verdict rests on the few others. Check preprocessing, domain and the numbering of the labels.`
}

/**
 * Raised when samples had nothing but zero gradients and were not fooled: a single one may be what a limit on the fooling
 * ratio of 0 is about. Models that are not masked have none.
 */
function vanishedGradients({ settings, vanished, eligible }: AttackOverview): string | undefined {
  if (vanished === 0) return undefined
  return `The gradient was exactly zero for ${vanished} of ${eligible} eligible samples, so the attack had no direction to go: these samples may be far less robust than they look. Use ${marginOf(settings)}an attack without gradients such as randomNoise, or a bound.`
}

/** Raised when samples are where a slope is infinite, and not fooled or maybe from too far. */
function infiniteSlopes({ steep, eligible }: AttackOverview): string | undefined {
  if (steep === 0) return undefined
  return `The model has an infinite slope at ${steep} of ${eligible} eligible samples (√x at 0 has one), which counts as 0 in gradients: the attack does not see what it could gain there, and these samples may be far less robust than they look. Use a domain that keeps clear of such points, or an attack without gradients such as square.`
}

/** Raised when the scores of samples never changed, and the samples were not fooled. */
function flatScores({ flat, eligible }: AttackOverview): string | undefined {
  if (flat === 0) return undefined
  return `The scores of ${flat} of ${eligible} eligible samples were the same wherever the attack looked, so it had nothing to go by: these samples may be far less robust than they look. Use an attack that goes by the predicted class alone, rayS or hopSkipJump.`
}

/** Raised when random starting points fool more samples than all gradient steps after them. */
function noiseSuffices({ samples }: AttackOverview): string | undefined {
  const fooled = samples.filter((sample) => sample.fooled && sample.gradientQueries > 0)
  const atStart = fooled.filter(({ steps }) => steps === 0).length
  if (atStart <= fooled.length - atStart) return undefined
  return `Random starting points alone fooled ${atStart} of the ${fooled.length} fooled samples: ε is so large that noise suffices, or the gradients are of no use. Try randomNoise with a smaller ε to see which.`
}

/** Raised when a sample stands although every input of the domain was allowed. */
function standingAnywhere({
  settings,
  standingAnywhere: standing,
  eligible,
  interrupted,
}: AttackOverview): string | undefined {
  if (standing === 0 || interrupted) return undefined
  return `The attack did not fool ${standing} of ${eligible} eligible samples although ε lets it go anywhere in the domain, where inputs of the other classes lie: it is broken for this model, or the model gives one class only. Try ${marginOf(settings)}more steps, or an attack without gradients.`
}

/** Raised when an attack without a radius found nothing for a tenth of the samples: there is something for nearly all. */
function noneFound({ settings, unfound, eligible, interrupted }: AttackOverview): string | undefined {
  if (unfound === 0 || unfound < eligible / 10 || interrupted) return undefined
  return `The attack found no adversarial example for ${unfound} of ${eligible} eligible samples although it may go anywhere in the domain, where inputs of the other classes lie: it is broken for this model or too short, or the model gives one class only. Try ${marginOf(settings)}more steps, another attack, or one without gradients.`
}

function interrupted(findings: AttackOverview): string | undefined {
  if (!findings.interrupted) return undefined
  return 'The time budget ended the attack early: samples that were not fooled might be by the rest of it. Allow more time, or attack fewer samples or with fewer steps.'
}

function unproved({ unproved: reasons, eligible }: AttackOverview): string | undefined {
  if (reasons.length === 0) return undefined
  return `The attack could not prove for ${reasons.length} of ${eligible} eligible samples that nothing closer is classified otherwise than what it found: ${[...new Set(reasons)].join('; ')}. More time does not help: there the distance is known to lie between the radius of alphaCrown and what was found.`
}

/** A remedy for attacks that have the setting and do not use it yet. */
function marginOf({ loss }: Attack['settings']): string {
  return loss === undefined || loss === 'margin' ? '' : "loss: 'margin', "
}
