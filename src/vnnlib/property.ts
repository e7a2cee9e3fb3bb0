/**
 * A safety property in the form of VNN-LIB: what must not happen. It is violated by an input, and the model's output for
 * it, that meet all constraints of one of the cases.
 */
export interface Property {
  /** File name, or the name given when parsing. */
  readonly name: string
  /** SHA-256 of the text, hexadecimal. */
  readonly sha256: string
  /** How many inputs and outputs the text declares. */
  readonly inputs: number
  readonly outputs: number
  readonly cases: readonly UnsafeCase[]
}

/** Inputs in a box and outputs that together break a property. */
export interface UnsafeCase {
  /** Bounds of single inputs; −∞ and ∞ where the text has none. */
  readonly lower: Float64Array
  readonly upper: Float64Array
  /** All other constraints, each of which has to hold. */
  readonly constraints: readonly LinearConstraint[]
}

/** Σ inputs·x + Σ outputs·y ≤ bound, with the variables that occur. */
export interface LinearConstraint {
  readonly inputs: ReadonlyMap<number, number>
  readonly outputs: ReadonlyMap<number, number>
  readonly bound: number
}
