import type { Attack } from '../attacks/attack.js'
import type { RegressionAttack } from '../attacks/regression/regression-attack.js'
import type { Bound } from '../bounds/bound.js'
import type { Comparison } from '../measures/compare-outcomes.js'
import type { ModelDescription } from '../model/model.js'
import type { Shard } from '../sampling/shard.js'
import type { Interval } from '../statistics/binomial.js'
import type { Property } from '../vnnlib/property.js'
import type { Picture } from './pictures.js'
import type { Place } from './place.js'
import type { Violation } from './refutation.js'
import type { Verdict } from './verdict.js'

/** Of {@link Evidence} in files and messages. */
export const schemaVersion = 1

/** What one check was asked and what it found: the only thing that matchers and reporters share. */
export type Evidence =
  | AttackEvidence
  | RegressionAttackEvidence
  | LowerBoundEvidence
  | BoundValidityEvidence
  | BaselineEvidence
  | PropertyEvidence

/** Evidence about samples, each with findings of its own. */
export type SampleEvidence = Exclude<Evidence, PropertyEvidence>

interface CheckEvidence {
  readonly schemaVersion: typeof schemaVersion
  readonly verdict: Verdict
  /** Why the check could not tell; given with the verdict `inconclusive`. */
  readonly reason?: string
  /** How the verdict was used; absent when the check ran outside an assertion. */
  readonly assertion?: Assertion
  readonly model: ModelDescription
  readonly samples: SampleSet
  /** Of a check that several processes share: `samples` and all that was found are this shard's. */
  readonly shard?: ShardOfSamples
  readonly warnings: readonly string[]
  /** The budget ended the check before its settings were exhausted. */
  readonly interrupted: boolean
  readonly milliseconds: number
}

export interface Assertion {
  readonly negated: boolean
  readonly passed: boolean
  /** The test passes if it fails: `test.fails` of Vitest, `test.failing` of Jest. */
  readonly expectedToFail?: boolean
}

/** Which samples were checked. */
export interface SampleSet {
  readonly count: number
  /** SHA-256 of the inputs, hexadecimal: tells whether two checks used the same ones. */
  readonly sha256: string
  /** Labels of a classifier, targets of a regressor. */
  readonly labels: 'given' | 'predicted'
}

/** Which part of the samples a process checked: those whose index modulo `count` is `index` − 1. */
export interface ShardOfSamples extends Shard {
  /** All samples of the check. */
  readonly of: SampleSet
}

/** An attack against a limit on the fooling ratio. */
export interface AttackEvidence extends CheckEvidence {
  readonly kind: 'attack'
  readonly attack: Pick<Attack, 'name' | 'kind' | 'norm' | 'settings'> & { readonly epsilon?: number | Float64Array }
  readonly maxFoolingRatio: number
  readonly confidence?: number
  readonly seed: number
  /** Absent when the attack could not run. */
  readonly finding?: AttackFinding
}

export interface AttackFinding {
  readonly eligible: number
  readonly fooled: number
  readonly foolingRatio: Interval
  readonly cleanAccuracy: number
  readonly robustAccuracy: number
  readonly medianDistance: number
  readonly gradientQueries: number
  /** Of an attack that proves that nothing is closer: samples of which it could not, however much time it has. */
  readonly unproved?: number
  readonly perSample: {
    readonly eligible: Uint8Array
    readonly labels: Int32Array
    readonly predictions: Int32Array
    readonly fooled: Uint8Array
    readonly adversarialPredictions: Int32Array
    /** In the attack's norm; NaN where the sample was not fooled. */
    readonly distances: Float64Array
  }
  /** Of images: a few fooled samples, the closest of each class first. */
  readonly pictures?: readonly Picture[]
}

/** An attack on a regressor against a limit on the error of its outputs. */
export interface RegressionAttackEvidence extends CheckEvidence {
  readonly kind: 'regression-attack'
  readonly attack: Pick<RegressionAttack, 'name' | 'kind' | 'norm' | 'settings'> & {
    readonly epsilon: number | Float64Array
  }
  readonly limit: ErrorLimit
  readonly maxFoolingRatio: number
  readonly seed: number
  /** Absent when the attack could not run. */
  readonly finding?: RegressionFinding
}

/** A sample is fooled when its mse or loss is above the value, or its PSNR below it. */
export interface ErrorLimit {
  readonly quantity: 'mse' | 'psnr' | 'loss'
  readonly value: number
}

export interface RegressionFinding {
  /** Within the limit without the attack. */
  readonly eligible: number
  readonly fooled: number
  readonly foolingRatio: Interval
  /** In dB, over all samples. */
  readonly medianCleanPsnr: number
  readonly medianOutputPsnr: number
  readonly medianInputPsnr: number
  readonly medianDistance: number
  readonly gradientQueries: number
  readonly perSample: {
    readonly eligible: Uint8Array
    readonly fooled: Uint8Array
    /** What the limit is about, without and with the attack. */
    readonly cleanErrors: Float64Array
    readonly errors: Float64Array
    /** In the attack's norm. */
    readonly distances: Float64Array
    /** In dB: of the outputs without and with the attack, and of the adversarial inputs. */
    readonly cleanPsnrs: Float64Array
    readonly outputPsnrs: Float64Array
    readonly inputPsnrs: Float64Array
  }
  /** Of images: a few fooled samples, the largest errors first. */
  readonly pictures?: readonly Picture[]
}

/** A bound evaluated at one radius, against a limit on the fraction of certified samples. */
export interface LowerBoundEvidence extends CheckEvidence {
  readonly kind: 'lower-bound'
  readonly bound: Pick<Bound, 'name' | 'norm' | 'sound' | 'settings'>
  readonly radius: number
  readonly fraction: number
  /** Absent when the bound could not run. */
  readonly finding?: LowerBoundFinding
}

export interface LowerBoundFinding {
  readonly eligible: number
  readonly certified: number
  readonly cleanAccuracy: number
  readonly perSample: {
    readonly eligible: Uint8Array
    readonly labels: Int32Array
    readonly predictions: Int32Array
    /** Whether no perturbation of at most the radius changes the class. */
    readonly certified: Uint8Array
    /** Lower bound of the smallest margin over the other classes; −∞ where nothing is known. */
    readonly margins: Float64Array
  }
}

/** Certified radii against everything that might refute them. */
export interface BoundValidityEvidence extends CheckEvidence {
  readonly kind: 'bound-validity'
  readonly bound: Pick<Bound, 'name' | 'norm' | 'sound' | 'settings'>
  readonly attacks: readonly Pick<Attack, 'name' | 'norm' | 'settings'>[]
  readonly seed: number
  /** Absent when the bound or an attack could not run. */
  readonly finding?: BoundValidityFinding
}

export interface BoundValidityFinding {
  readonly eligible: number
  readonly cleanAccuracy: number
  /** Of the certified radii over the eligible samples. */
  readonly minimum: number
  readonly median: number
  /** Random perturbations that were tried. */
  readonly runs: number
  readonly violations: readonly Violation[]
  readonly perSample: {
    readonly eligible: Uint8Array
    readonly labels: Int32Array
    readonly predictions: Int32Array
    /** 0 where nothing is certified. */
    readonly radii: Float64Array
    /** Closest adversarial example of any attack, in the bound's norm; NaN without one. */
    readonly distances: Float64Array
  }
}

/** What every sample withstands against what it withstood in a stored run. */
export interface BaselineEvidence extends CheckEvidence {
  readonly kind: 'baseline'
  readonly method: Method
  readonly confidence: number
  /** Of an attack. */
  readonly seed?: number
  readonly baseline: StoredBaseline
  /** Absent when the attack or the bound could not run. */
  readonly finding?: BaselineFinding
}

/** An attack, or a bound whose certified radii are meant. */
export interface Method {
  readonly name: string
  readonly kind: Attack['kind'] | 'bound'
  readonly norm: Attack['norm']
  readonly epsilon?: number | Float64Array
  readonly settings: Attack['settings']
}

export interface StoredBaseline {
  /** Path, relative to the folder of the test file. */
  readonly file: string
  /** `unused`: missing, unreadable, of another setting, or there was nothing to compare; the reason says which. */
  readonly state: 'compared' | 'written' | 'updated' | 'unused'
  /** Model that the baseline was recorded with. */
  readonly model?: { readonly name: string; readonly sha256: string }
  /** Version of this package that recorded it. */
  readonly version?: string
}

export interface BaselineFinding {
  readonly eligible: number
  readonly cleanAccuracy: number
  /** Against the baseline; of an updated one, against the one before. Absent without a baseline of the same setting. */
  readonly comparison?: Comparison
  readonly perSample: {
    readonly eligible: Uint8Array
    readonly labels: Int32Array
    readonly predictions: Int32Array
    /**
     * Fixed ε: 1 or, when the sample was fooled, 0. Minimal distance: distance of the adversarial example, ∞ without one.
     * Bound: certified radius. 0 when the sample is not eligible.
     */
    readonly withstood: Float64Array
    /** The same of the baseline; of its own samples, when they are others. */
    readonly before?: Float64Array
  }
}

/** A safety property: what must not happen for any input in some boxes. */
export interface PropertyEvidence extends CheckEvidence {
  readonly kind: 'property'
  /** Its samples are its cases: `samples` has their count and the hash of the text. */
  readonly property: Pick<Property, 'name' | 'sha256'>
  readonly seed: number
  /** Absent when the verification could not run. */
  readonly finding?: PropertyFinding
}

export interface PropertyFinding {
  /** Cases that inputs can meet at all: any of them violates the property. */
  readonly eligible: number
  /** Cases that no input meets, for certain. */
  readonly excluded: number
  /** Boxes of inputs that were bounded. */
  readonly boxes: number
  /** What violates the property: an input and the model's output, both flat, and the case that they meet. */
  readonly counterexample?: { readonly input: Float64Array; readonly output: Float64Array; readonly met: number }
}

/** A check and the test that made it. */
export interface RecordedCheck extends Place {
  /** Line of the test in the file, where the runner says it. */
  readonly line?: number
  /** What to type to make the check again, in the folder of the project. */
  readonly command?: string
  readonly evidence: Evidence
}
