import type { AttackEvidence, BoundValidityEvidence, LowerBoundEvidence } from '../../src/evidence.js'
import type { ModelDescription } from '../../src/model/classifier.js'
import { binomialInterval } from '../../src/statistics/binomial.js'

const model: ModelDescription = {
  name: 'digits_mlp.onnx',
  sha256: 'a3'.repeat(32),
  input: { name: 'input', featureShape: [64] },
  output: { name: 'logits', classes: 10 },
  operators: { Gemm: 3, Relu: 2 },
  parameters: 6310,
  opset: 18,
  device: 'cpu',
  fidelity: 0,
  batching: 'dynamic',
  warnings: [],
}

const common = {
  schemaVersion: 1,
  model,
  samples: { count: 4, sha256: '5a'.repeat(32), labels: 'given' },
  warnings: [],
  interrupted: false,
} as const

/** Samples 0 and 1 are fooled, 2 resists, 3 is misclassified. */
export function attackEvidence(
  changes: Partial<AttackEvidence> = {},
  attack: Partial<AttackEvidence['attack']> = {},
): AttackEvidence {
  return {
    ...common,
    kind: 'attack',
    verdict: 'fooled',
    assertion: { negated: false, passed: false },
    attack: { name: 'pgd', kind: 'fixed-epsilon', norm: 'linf', epsilon: 0.1, settings: { steps: 40 }, ...attack },
    maxFoolingRatio: 0.1,
    seed: 1,
    milliseconds: 1234,
    finding: {
      eligible: 3,
      fooled: 2,
      foolingRatio: binomialInterval(2, 3),
      cleanAccuracy: 0.75,
      robustAccuracy: 0.25,
      medianDistance: 0.055,
      gradientQueries: 60,
      perSample: {
        eligible: Uint8Array.of(1, 1, 1, 0),
        labels: Int32Array.of(3, 1, 7, 0),
        predictions: Int32Array.of(3, 1, 7, 6),
        fooled: Uint8Array.of(1, 1, 0, 0),
        adversarialPredictions: Int32Array.of(8, 7, 7, 6),
        distances: Float64Array.of(0.03, 0.08, Number.NaN, Number.NaN),
      },
    },
    ...changes,
  }
}

/** Samples 1 and 2 are certified at 0.05. */
export function lowerBoundEvidence(changes: Partial<LowerBoundEvidence> = {}): LowerBoundEvidence {
  return {
    ...common,
    kind: 'lower-bound',
    verdict: 'certified',
    assertion: { negated: false, passed: true },
    bound: { name: 'crown', norm: 'linf', sound: true, settings: {} },
    radius: 0.05,
    fraction: 0.6,
    milliseconds: 87,
    finding: {
      eligible: 3,
      certified: 2,
      cleanAccuracy: 0.75,
      perSample: {
        eligible: Uint8Array.of(1, 1, 1, 0),
        labels: Int32Array.of(3, 1, 7, 0),
        predictions: Int32Array.of(3, 1, 7, 6),
        certified: Uint8Array.of(0, 1, 1, 0),
        margins: Float64Array.of(Number.NEGATIVE_INFINITY, 0.4, 1.5, Number.NaN),
      },
    },
    ...changes,
  }
}

export function validityEvidence(changes: Partial<BoundValidityEvidence> = {}): BoundValidityEvidence {
  return {
    ...common,
    kind: 'bound-validity',
    verdict: 'valid',
    assertion: { negated: false, passed: true },
    bound: { name: 'crown', norm: 'linf', sound: true, settings: {} },
    attacks: [{ name: 'deepFool', norm: 'linf', settings: {} }],
    seed: 2,
    milliseconds: 65_000,
    finding: {
      eligible: 3,
      cleanAccuracy: 0.75,
      minimum: 0.02,
      median: 0.06,
      runs: 100,
      violations: [],
      perSample: {
        eligible: Uint8Array.of(1, 1, 1, 0),
        labels: Int32Array.of(3, 1, 7, 0),
        predictions: Int32Array.of(3, 1, 7, 6),
        radii: Float64Array.of(0.02, 0.06, 0.2, 0),
        distances: Float64Array.of(0.025, 0.09, 0.3, Number.NaN),
      },
    },
    ...changes,
  }
}
