import { publishedPeck } from '../../src/bounds/published/published-bound.js'
import type { BoundCounterexample } from '../../src/properties/bound-violation-error.js'

/** An inactive Relu (docs/bounds.md): 0.08 from its kink, and 0.01 from the boundary behind it. */
export const counterexample: BoundCounterexample = {
  bound: publishedPeck(),
  network: {
    inputShape: [1],
    layers: [
      { layer: 'dense', weights: [[0.125]], bias: [0] },
      { layer: 'activation', operator: 'Relu' },
      { layer: 'dense', weights: [[0], [0.125]], bias: [0.01, 0] },
    ],
  },
  domain: [-10, 10],
  input: Float32Array.of(0),
  label: 0,
  adversarial: Float32Array.of(3.125),
  adversarialPrediction: 1,
  radius: 3.2,
  distance: 3.125,
  foundBy: 'a perturbation',
}
