/** Norms that perturbations are measured in. */
export type Norm = 'linf' | 'l2' | 'l1'

/** Size of one perturbation in every norm; `l0` counts the changed features. */
export interface Distance {
  readonly linf: number
  readonly l2: number
  readonly l1: number
  readonly l0: number
}

/** Distances between two points, accumulated in float64. */
export function distance(from: ArrayLike<number>, to: ArrayLike<number>): Distance {
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
  return { linf, l2: Math.sqrt(squares), l1, l0 }
}
