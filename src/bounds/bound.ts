import type { Budget, BudgetRequest } from '../budget.js'
import type { Norm } from '../geometry/norm.js'
import type { Classifier } from '../model/classifier.js'
import type { Inputs } from '../sampling/samples.js'

/** What a bound is given: correctly classified samples and what to bound. */
export interface BoundContext {
  readonly model: Classifier
  readonly inputs: Inputs
  readonly labels: Int32Array
  readonly budget: Budget
  /** Reports how much of the work is done, between 0 and 1. */
  readonly progress?: (fraction: number) => void
}

/**
 * A lower bound of the model's robustness. `sound` bounds are proofs about the float32 model as deployed; others are
 * estimates, and assertions refuse them.
 */
export interface Bound {
  readonly name: string
  readonly norm: Norm
  readonly sound: boolean
  /** All settings, defaults filled in: recorded as evidence. */
  readonly settings: Readonly<Record<string, number | string | boolean>>
  /**
   * Lower bounds of f_label − f_j over the ball of radius `epsilon` (one per sample, input units) around each input:
   * [n, classes], 0 in the column of the label, −∞ where nothing is known.
   */
  margins(context: BoundContext, epsilon: Float64Array): Promise<Float64Array>
  /** Certified radius per sample, where the bound has a shorter way than searching with `margins`. */
  radii?(context: BoundContext): Promise<Float64Array>
}

/** What to bound. */
export interface BoundRequest {
  readonly inputs: Inputs
  /** True classes. Default: the classes that the model predicts. */
  readonly labels?: ArrayLike<number>
  /** Default: no limit. */
  readonly budget?: BudgetRequest
  /** Told how much of the work is done, between 0 and 1. */
  readonly onProgress?: (fraction: number) => void
}

/** What a bound certifies for one sample. */
export interface BoundedSample {
  /** Classified correctly; only then is there anything to certify. */
  readonly eligible: boolean
  readonly label: number
  readonly prediction: number
  /** No perturbation of at most this norm changes the class. Finite, ≥ 0, input units; 0 where nothing is certified. */
  readonly radius: number
}

/** What a bound certifies for a model. */
export interface BoundResult {
  readonly bound: Pick<Bound, 'name' | 'norm' | 'sound' | 'settings'>
  /** All samples of the request, in their order. */
  readonly samples: readonly BoundedSample[]
  readonly eligible: number
  readonly cleanAccuracy: number
  /** Smallest and median radius of the eligible samples; NaN without any. */
  readonly minimum: number
  readonly median: number
  /** The budget ended the search: radii are valid but smaller than they could be. */
  readonly interrupted: boolean
  readonly warnings: readonly string[]
  readonly milliseconds: number
}
