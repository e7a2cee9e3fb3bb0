import type { SmoothActivation } from '../lipschitz/mlp.js'
import { logistic } from '../lipschitz/taylor.js'

const printed = 0.5 * Math.log(2 + Math.sqrt(3))

/** Table 4.1 as printed: tanh″ is half of what it can be, and 1 for Relu (§4.3.1) bounds nothing. */
export const publishedActivations: ReadonlyMap<string, SmoothActivation> = new Map([
  [
    'Sigmoid',
    {
      first: 1 / 4,
      second: (5 - 3 * Math.sqrt(3)) / (30 * Math.sqrt(3) - 54),
      derivative: (x) => logistic(x) * logistic(-x),
    },
  ],
  [
    'Tanh',
    {
      first: 1,
      second: Math.sinh(printed) / Math.cosh(printed) ** 3,
      derivative: (x) => 4 * logistic(2 * x) * logistic(-2 * x),
    },
  ],
  ['Softplus', { first: 1, second: 1 / 4, derivative: logistic }],
  ['Relu', { first: 1, second: 1, derivative: (x) => Number(x > 0) }],
])
