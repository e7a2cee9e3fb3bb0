import type { Budget, BudgetRequest } from '../budget.js'
import type { AttackNorm, Distance } from '../geometry/norm.js'
import type { Classifier } from '../model/classifier.js'
import type { RandomSource } from '../sampling/random.js'
import type { Inputs, PartOfSet } from '../sampling/samples.js'
import type { Interval } from '../statistics/binomial.js'

/** What an attack is given: the eligible samples only. Nothing in here may be modified. */
export interface AttackContext {
  readonly model: Classifier
  readonly inputs: Inputs
  /** Radius per sample, in input units; undefined for a minimal-distance attack. */
  readonly epsilons: Float64Array | undefined
  /** The class that the model must be moved away from, one per sample. */
  readonly labels: Int32Array
  /** Target class per sample; undefined for an untargeted attack. */
  readonly targets: Int32Array | undefined
  /** A stream for each sample: what is drawn for a sample comes from its own, so that others do not change its result. */
  readonly random: readonly RandomSource[]
  readonly budget: Budget
  /** Points where an attack may start, whichever samples it is given. */
  otherSamples(): Promise<ClassifiedInputs>
  /** Reports how much of the work is done, between 0 and 1, and how many samples are fooled so far, where that is known. */
  progress(fraction: number, fooled?: number): void
}

/** Inputs and the classes that the model under test predicts for them. */
export interface ClassifiedInputs {
  readonly inputs: Inputs
  readonly classes: Int32Array
}

/** What an attack proposes. Success is decided afterwards, by a fresh run of the model. */
export interface AttackCandidates {
  /** One candidate per sample, shaped like the inputs, inside the domain. */
  readonly adversarial: Float32Array
  /** Iterations spent on each sample. */
  readonly steps: Int32Array
  /** Gradient evaluations spent on each sample. */
  readonly gradientQueries: Int32Array
  /** Forward passes without a gradient spent on each sample. Default: none. */
  readonly forwardQueries?: Int32Array
  /** 1 for each sample whose gradients were exactly zero whenever they were evaluated. Default: none. */
  readonly vanishedGradients?: Uint8Array
  /** Of an attack that goes by scores: 1 for each sample whose scores were the same wherever it looked. Default: none. */
  readonly flatScores?: Uint8Array
  /**
   * Of an attack that proves that no adversarial example is closer: for each sample why it could not, where more time would
   * not help. Default: it proves nothing.
   */
  readonly unproved?: readonly (string | undefined)[]
  /** Of an attack that consists of others: the name of the one that each candidate is from. Default: none. */
  readonly foundBy?: readonly (string | undefined)[]
  /** Whether the attack ended before its settings were exhausted because the budget was. */
  readonly interrupted: boolean
}

/**
 * An attack is one function with the settings it was made from. `fixed-epsilon` attacks look for any adversarial example
 * in the ball of radius `epsilon`; `minimal-distance` attacks look for the closest one.
 */
export interface Attack {
  readonly name: string
  readonly kind: 'fixed-epsilon' | 'minimal-distance'
  readonly norm: AttackNorm
  /** Radius in input units, for all samples or one per sample. Minimal-distance attacks have none. */
  readonly epsilon?: number | ArrayLike<number>
  /** Class to move every sample to, or one per sample. Default: any other class. */
  readonly target?: number | ArrayLike<number>
  /** All settings, defaults filled in: recorded as evidence. */
  readonly settings: Readonly<Record<string, number | string | boolean>>
  run(context: AttackContext): Promise<AttackCandidates>
}

/** What to attack, and how far to go. */
export interface AttackRequest {
  readonly inputs: Inputs
  /** True classes. Default: the classes that the model predicts, which makes every sample eligible. */
  readonly labels?: ArrayLike<number>
  /** The set that the inputs were taken from. Default: they are the set. */
  readonly partOf?: PartOfSet
  /** Default: a fresh one, reported in the result. */
  readonly seed?: number
  /** Default: no limit. */
  readonly budget?: BudgetRequest
  /** Told how much of the work is done, between 0 and 1, and how many samples are fooled so far, where that is known. */
  readonly onProgress?: (fraction: number, fooled?: number) => void
  /**
   * Whether the result keeps the adversarial example of a fooled sample: those of many samples take as much memory as the
   * samples. Default: all are kept.
   */
  readonly keepExample?: (sample: AttackedSample) => boolean
}

/** What an attack did to one sample. */
export interface AttackedSample {
  /** Classified correctly before the attack (and, for a targeted attack, not of the target class). */
  readonly eligible: boolean
  readonly fooled: boolean
  readonly label: number
  /** Class predicted for the unperturbed input. */
  readonly prediction: number
  /** Class predicted for the adversarial example; equal to `prediction` where there is none. */
  readonly adversarialPrediction: number
  /** Perturbation of a fooled sample; undefined otherwise. */
  readonly distance: Distance | undefined
  /** Re-checked adversarial example; undefined where the sample was not fooled, or the request did not keep it. */
  readonly adversarial: Float32Array | undefined
  /** Where the attack consists of others: the one that fooled the sample. */
  readonly foundBy?: string
  readonly steps: number
  readonly gradientQueries: number
  readonly forwardQueries: number
}

/** What an attack did to a model. */
export interface AttackResult {
  readonly attack: Pick<Attack, 'name' | 'kind' | 'norm' | 'settings'>
  /** All samples of the request, in their order. */
  readonly samples: readonly AttackedSample[]
  readonly eligible: number
  readonly fooled: number
  /** Fooled among eligible, with the exact 95 % binomial interval. NaN (interval 0 to 1) when nothing is eligible. */
  readonly foolingRatio: Interval
  /** Correct before the attack, among all. */
  readonly cleanAccuracy: number
  /** Correct before and after, among all. */
  readonly robustAccuracy: number
  /** Median distance of the fooled samples in the attack's norm; NaN without any. */
  readonly medianDistance: number
  readonly gradientQueries: number
  /** Forward passes without a gradient. */
  readonly forwardQueries: number
  /** The budget ended the attack early: unfooled samples might be fooled by the rest of it. */
  readonly interrupted: boolean
  /** Samples of which an attack that proves that nothing is closer could not, for another reason than the budget. */
  readonly unproved: number
  readonly warnings: readonly string[]
  readonly seed: number
  readonly milliseconds: number
}
