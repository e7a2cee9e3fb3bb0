import type { Budget, BudgetRequest } from '../../budget.js'
import type { AttackNorm, Distance } from '../../geometry/norm.js'
import type { Regressor } from '../../model/regressor.js'
import type { PerSample } from '../../sampling/per-sample.js'
import type { RandomSource } from '../../sampling/random.js'
import type { Inputs, PartOfSet } from '../../sampling/samples.js'

/**
 * What an attack on a regressor raises instead of the squared error, such as the loss that a detector was trained with.
 * `sample` is the position in the set of samples.
 */
export interface OutputLoss {
  readonly name: string
  value(output: Float32Array, sample: number): number
  /** With respect to the output, and shaped like it. */
  gradient(output: Float32Array, sample: number): ArrayLike<number>
}

/** What an attack on a regressor is given. Nothing in here may be modified. */
export interface RegressionAttackContext {
  readonly model: Regressor
  readonly inputs: Inputs
  /** Radius per sample, in input units. */
  readonly epsilons: Float64Array
  /** What the outputs are compared with, shaped like them. */
  readonly targets: Float32Array
  /** What is raised; undefined for the squared error ‖f(x + η) − target‖². */
  readonly loss: OutputLoss | undefined
  /** A stream for each sample, which what is drawn for it comes from. */
  readonly random: readonly RandomSource[]
  readonly budget: Budget
  /** Reports how much of the work is done, between 0 and 1. */
  progress(fraction: number): void
}

/** What an attack proposes. The errors are measured afterwards, by a fresh run of the model. */
export interface RegressionCandidates {
  /** One candidate per sample, shaped like the inputs, inside the domain. */
  readonly adversarial: Float32Array
  /** Products with the Jacobian or its transpose (a gradient is one) spent on each sample. */
  readonly gradientQueries: Int32Array
  /** Forward passes without a derivative spent on each sample. */
  readonly forwardQueries: Int32Array
  /** Whether the attack ended before its settings were exhausted because the budget was. */
  readonly interrupted: boolean
}

/** An attack on a regressor: one function with the settings it was made from. */
export interface RegressionAttack {
  readonly name: string
  readonly kind: 'regression'
  readonly norm: AttackNorm
  /** Radius in input units, for all samples or one per sample. */
  readonly epsilon: PerSample
  /** All settings, defaults filled in: recorded as evidence. */
  readonly settings: Readonly<Record<string, number | string | boolean>>
  run(context: RegressionAttackContext): Promise<RegressionCandidates>
}

/** What to attack. */
export interface RegressionAttackRequest {
  readonly inputs: Inputs
  /** Outputs that would be right, shaped like the model's. Default: the outputs for the unperturbed inputs. */
  readonly targets?: Inputs
  /** The set that the inputs were taken from. Default: they are the set. */
  readonly partOf?: PartOfSet
  /** What the attack raises. Default: the squared error. */
  readonly loss?: OutputLoss
  /** Default: a fresh one, reported in the result. */
  readonly seed?: number
  /** Default: no limit. */
  readonly budget?: BudgetRequest
  /** Told how much of the work is done, between 0 and 1. */
  readonly onProgress?: (fraction: number) => void
}

/** How far one output is from its target. */
export interface OutputError {
  /** Mean of the squared differences. */
  readonly mse: number
  /** Euclidean norm of the differences. */
  readonly l2: number
  /** Peak signal to noise ratio in dB, 10 · log10(peak² / mse), where the peak is the width of the model's outputRange. */
  readonly psnr: number
  /** The request's loss, if it has one. */
  readonly loss?: number
}

/** What an attack did to one sample of a regressor. */
export interface AttackedRegressionSample {
  /** Error of the output for the unperturbed input. */
  readonly clean: OutputError
  /** Error of the output for the adversarial input. */
  readonly attacked: OutputError
  /** Of the adversarial against the unperturbed input, in dB; the peak is the width of the domain. */
  readonly inputPsnr: number
  readonly distance: Distance
  /** Inside domain and ball to the last bit. */
  readonly adversarial: Float32Array
  readonly gradientQueries: number
  readonly forwardQueries: number
}

/** What an attack did to a regressor. */
export interface RegressionAttackResult {
  readonly attack: Pick<RegressionAttack, 'name' | 'kind' | 'norm' | 'settings'>
  /** All samples of the request, in their order. */
  readonly samples: readonly AttackedRegressionSample[]
  /** Median over the samples, in dB, as are the next two: NaN without any, Infinity where there is no error at all. */
  readonly medianCleanPsnr: number
  readonly medianOutputPsnr: number
  readonly medianInputPsnr: number
  readonly gradientQueries: number
  readonly forwardQueries: number
  /** The budget ended the attack early: errors might be larger after the rest of it. */
  readonly interrupted: boolean
  readonly warnings: readonly string[]
  readonly seed: number
  readonly milliseconds: number
}
