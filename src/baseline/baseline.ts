import type { Method } from '../checks/evidence.js'

/** What a check found on every sample, stored to be compared with later runs of the same check. */
export interface Baseline {
  /** Name of the check within its test file. */
  readonly check: string
  /** Version of this package that recorded it. */
  readonly version: string
  readonly model: { readonly name: string; readonly sha256: string }
  readonly setting: Setting
  /** Of an attack. */
  readonly seed?: number
  readonly outcomes: Outcomes
}

/** What two runs must have in common to be compared. */
export interface Setting {
  readonly samples: {
    readonly count: number
    /** SHA-256 of the inputs, hexadecimal. */
    readonly sha256: string
    /** SHA-256 of the labels, or `predicted` where none were given. */
    readonly labels: string
  }
  /** What a perturbed input may be: the range of all features, or the SHA-256 of the ranges. */
  readonly domain: string
  /** What the model runs on. */
  readonly device: string
  readonly method: Omit<Method, 'epsilon'> & {
    /** The radius, or the SHA-256 of radii that differ between samples. */
    readonly epsilon?: number | string
    /** The target class of an attack, or the SHA-256 of targets that differ between samples. */
    readonly target?: number | string
  }
}

export interface Outcomes {
  /** Classified correctly (and, for a targeted attack, not of the target class). */
  readonly eligible: Uint8Array
  /**
   * What the sample withstood. Fixed ε: 1 or, when it was fooled, 0. Minimal distance: distance of the adversarial
   * example, ∞ without one. Bound: certified radius. 0 when it is not eligible.
   */
  readonly withstood: Float64Array
}
