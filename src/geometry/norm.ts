/** Norms that every attack and bound knows. */
export type Norm = 'linf' | 'l2' | 'l1'

/** Steepness is measured in the dual of the norm of the way. */
export const dualNorms = { l1: 'linf', l2: 'l2', linf: 'l1' } as const satisfies Record<Norm, Norm>

/** What a perturbation can be measured in: `linf`, `l` with any exponent of at least 1, or `l0`, which counts changed features. */
export type AttackNorm = 'linf' | `l${number}`

/** Size of one perturbation in the usual norms, and in the attack's if that is another. */
export interface Distance {
  readonly linf: number
  readonly l2: number
  readonly l1: number
  readonly l0: number
  readonly [norm: `l${number}`]: number
}

/** Distances between two points, accumulated in float64; in the usual norms and in `norm`. */
export function distance(from: ArrayLike<number>, to: ArrayLike<number>, norm: AttackNorm = 'l2'): Distance {
  let linf = 0
  let squares = 0
  let l1 = 0
  let l0 = 0
  for (let index = 0; index < from.length; index++) {
    const step = Math.abs(to[index] - from[index])
    linf = Math.max(linf, step)
    squares += step * step
    l1 += step
    if (step !== 0) l0++
  }
  const usual = { linf, l2: Math.sqrt(squares), l1, l0 }
  return norm in usual ? usual : { ...usual, [norm]: powerMean(from, to, exponent(norm), linf) }
}

/** Length of a vector in one norm, accumulated in float64. */
export function lengthOf(norm: Norm, vector: ArrayLike<number>): number {
  let [sum, largest] = [0, 0]
  for (let index = 0; index < vector.length; index++) {
    const size = Math.abs(vector[index])
    sum += norm === 'l2' ? size * size : size
    largest = Math.max(largest, size)
  }
  return norm === 'linf' ? largest : norm === 'l2' ? Math.sqrt(sum) : sum
}

/** p of the ℓp norm; Infinity for `linf`, NaN for what is no norm, or not written as one: `L2`, `l2.0`. */
export function exponent(norm: AttackNorm): number {
  if (norm === 'linf') return Number.POSITIVE_INFINITY
  const power = Number(norm.slice(1))
  return norm === `l${power}` ? power : Number.NaN
}

/** Dividing by the largest step first keeps the powers from overflowing. */
function powerMean(from: ArrayLike<number>, to: ArrayLike<number>, power: number, largest: number): number {
  if (largest === 0) return 0
  let sum = 0
  for (let index = 0; index < from.length; index++) sum += (Math.abs(to[index] - from[index]) / largest) ** power
  return largest * sum ** (1 / power)
}
