import { type AttackNorm, exponent } from '../../geometry/norm.js'
import type { GraphBuilder } from '../../graph/builder.js'
import { sumOfMagnitudes } from '../../operators/batch-invariant.js'
import { asNumber } from '../../operators/element-type.js'

export interface SteepestDirection {
  /** Shaped like the gradient, of norm 1; zero where the gradient is. */
  readonly direction: string
  /** The gradient's dual norm: what a step along `direction` gains per unit of its norm. The axes stay, with size 1. */
  readonly slope: string
}

/**
 * Emits the direction of steepest ascent in ℓp, p ≥ 1, in closed form: sign(g)·|g|^(q−1) / ‖g‖_q^(q−1) over the given
 * axes, 1/p + 1/q = 1; the sign for p = ∞, the coordinate with the largest derivative for p = 1. Times ε it is the
 * norm-constrained step, times L / ‖g‖_q the minimum-norm step that takes a linear L to zero. Balda, Behboodi, Mathar,
 * "Perturbation analysis of learning algorithms", 2018, eq. 5 and 8 (where one power of ‖g‖_q is missing).
 */
export function emitSteepest(
  builder: GraphBuilder,
  norm: AttackNorm,
  gradient: string,
  axes: readonly number[],
): SteepestDirection {
  const along = builder.ints(axes)
  const sizes = builder.add('Abs', [gradient])
  if (norm === 'linf') {
    return { direction: builder.add('Sign', [gradient]), slope: builder.add('ReduceSum', [sizes, along]) }
  }
  const largest = builder.add('ReduceMax', [sizes, along])
  if (norm === 'l1') {
    // Where several derivatives are the largest, they share the step.
    const isLargest = asNumber(builder.add('Equal', [sizes, largest]), builder)
    const shares = builder.add('Div', [isLargest, builder.add('ReduceSum', [isLargest, along])])
    return { direction: builder.add('Mul', [builder.add('Sign', [gradient]), shares]), slope: largest }
  }
  // Powers of small gradients would underflow. Dividing by the largest element first makes the sums at least 1.
  const divisor = builder.add('Where', [builder.add('Equal', [largest, builder.scalar(0)]), builder.scalar(1), largest])
  const atLeastOne = (sum: string) => builder.add('Max', [sum, builder.scalar(1)])
  if (norm === 'l2') {
    const scaled = builder.add('Div', [gradient, divisor])
    const squares = builder.add('ReduceSum', [builder.add('Mul', [scaled, scaled]), along])
    const length = builder.add('Sqrt', [atLeastOne(squares)])
    return { direction: builder.add('Div', [scaled, length]), slope: builder.add('Mul', [largest, length]) }
  }
  const p = exponent(norm)
  const scaled = builder.add('Div', [sizes, divisor])
  const powers = builder.add('Pow', [scaled, builder.scalar(1 / (p - 1))])
  const sum = atLeastOne(builder.add(sumOfMagnitudes, [builder.add('Mul', [powers, scaled]), along]))
  const root = (power: number) => builder.add('Pow', [sum, builder.scalar(power)])
  return {
    direction: builder.add('Mul', [builder.add('Sign', [gradient]), builder.add('Div', [powers, root(1 / p)])]),
    slope: builder.add('Mul', [largest, root(1 - 1 / p)]),
  }
}
