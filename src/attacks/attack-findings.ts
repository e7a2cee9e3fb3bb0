import { diameter } from '../geometry/diameter.js'
import type { Classifier } from '../model/classifier.js'
import { range } from '../sampling/rows.js'
import { binomialInterval } from '../statistics/binomial.js'
import { median } from '../statistics/median.js'
import type { Attack, AttackCandidates, AttackContext, AttackedSample, AttackRequest, AttackResult } from './attack.js'
import type { Outcome } from './recheck.js'
import type { Subjects } from './subjects.js'
import { attackWarnings, type Signs } from './warnings.js'

/** What an attack made of a part of the samples. */
export interface AttackedPart {
  /** The samples, by their position in the request; everything else has one entry for each of them. */
  readonly part: readonly number[]
  readonly context: AttackContext
  readonly candidates: AttackCandidates
  readonly outcomes: readonly Outcome[]
  /** How many of them lie where a slope of the model is infinite, and are not fooled or maybe from too far. */
  readonly steep: number
}

const notFooled = {
  fooled: false,
  distance: undefined,
  adversarial: undefined,
  steps: 0,
  gradientQueries: 0,
  forwardQueries: 0,
}

/** What an attack has found so far, part by part. */
export class AttackFindings {
  readonly #model: Classifier
  readonly #method: Attack
  readonly #subjects: Subjects
  readonly #keepExample: AttackRequest['keepExample']
  /** A ball of this radius holds the domain; undefined for an attack that changes only subsets of the features. */
  readonly #anywhere: number | undefined
  readonly #samples: AttackedSample[]
  readonly #signs = { vanished: 0, flat: 0, steep: 0, standingAnywhere: 0, unfound: 0 } satisfies Signs
  readonly #unproved: string[] = []

  constructor(model: Classifier, method: Attack, subjects: Subjects, keepExample: AttackRequest['keepExample']) {
    this.#model = model
    this.#method = method
    this.#subjects = subjects
    this.#keepExample = keepExample
    this.#anywhere = 'subsets' in method.settings ? undefined : diameter(model.domain, method.norm)
    const { labels, predictions, eligible } = subjects
    const areEligible = new Set(eligible)
    this.#samples = range(labels.length).map((sample): AttackedSample => {
      const [label, prediction] = [labels[sample], predictions[sample]]
      const of = { eligible: areEligible.has(sample), label, prediction }
      return { ...of, ...notFooled, adversarialPrediction: prediction }
    })
  }

  add({ part, context, candidates, outcomes, steep }: AttackedPart): void {
    this.#signs.steep += steep
    outcomes.forEach((outcome, row) => {
      const sample = part[row]
      const attacked = { ...this.#samples[sample], ...outcome }
      const isKept = !outcome.fooled || (this.#keepExample?.(attacked) ?? true)
      this.#samples[sample] = isKept ? attacked : { ...attacked, adversarial: undefined }
      const obstacle = candidates.unproved?.[row]
      if (obstacle !== undefined) this.#unproved.push(obstacle)
      if (!outcome.fooled) this.#lookForSigns(row, outcome, context, candidates)
    })
  }

  /** Why a sample may stand that could be fooled. */
  #lookForSigns(
    row: number,
    { gradientQueries }: Outcome,
    { epsilons }: AttackContext,
    { vanishedGradients, flatScores, unproved }: AttackCandidates,
  ): void {
    const { kind } = this.#method
    if (gradientQueries > 0 && vanishedGradients?.[row]) this.#signs.vanished++
    if (flatScores?.[row]) this.#signs.flat++
    if (this.#anywhere === undefined) return
    if (Number(epsilons?.[row]) >= this.#anywhere) this.#signs.standingAnywhere++
    // One that proves what is closest either knows that there is none or says why it does not.
    if (kind === 'minimal-distance' && !unproved) this.#signs.unfound++
  }

  /** All of it; `interrupted` where the budget ended the attack. */
  result(interrupted: boolean): Omit<AttackResult, 'seed' | 'milliseconds'> {
    const { name, kind, norm, settings } = this.#method
    const { eligible, correct, areLabelled } = this.#subjects
    const samples = this.#samples
    const unproved = this.#unproved
    const fooled = samples.filter((sample) => sample.fooled)
    const cleanAccuracy = correct.length / samples.length
    const seen = {
      settings,
      samples,
      eligible: eligible.length,
      fooled: fooled.length,
      labelled: areLabelled,
      cleanAccuracy,
      ...this.#signs,
      interrupted,
      unproved,
    }
    return {
      attack: { name, kind, norm, settings },
      samples,
      eligible: eligible.length,
      fooled: fooled.length,
      foolingRatio: binomialInterval(fooled.length, eligible.length),
      cleanAccuracy,
      robustAccuracy: (correct.length - fooled.length) / samples.length,
      medianDistance: median(fooled.map((sample) => sample.distance![norm])),
      gradientQueries: samples.reduce((sum, { gradientQueries }) => sum + gradientQueries, 0),
      forwardQueries: samples.reduce((sum, { forwardQueries }) => sum + forwardQueries, 0),
      interrupted,
      unproved: unproved.length,
      warnings: [...this.#model.description.warnings, ...attackWarnings(seen)],
    }
  }
}
