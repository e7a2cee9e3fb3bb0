import type { EncodedCheck } from '../../reporters/collect.js'
import { encodeEvidence } from '../../src/checks/encoded-evidence.js'
import type {
  AttackEvidence,
  BaselineEvidence,
  BoundValidityEvidence,
  Evidence,
  LowerBoundEvidence,
  PropertyEvidence,
  RegressionAttackEvidence,
} from '../../src/checks/evidence.js'
import type { ModelDescription } from '../../src/model/model.js'
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

/** Sample 0 is fooled, 3 is beyond the limit as it is. */
export function regressionEvidence(changes: Partial<RegressionAttackEvidence> = {}): RegressionAttackEvidence {
  return {
    ...common,
    model: { ...model, name: 'autoencoder.onnx', output: { name: 'output', shape: [64], range: [0, 1] } },
    kind: 'regression-attack',
    verdict: 'fooled',
    assertion: { negated: false, passed: false },
    attack: { name: 'linear', kind: 'regression', norm: 'l2', epsilon: 0.5, settings: { steps: 20 } },
    limit: { quantity: 'psnr', value: 20 },
    maxFoolingRatio: 0,
    seed: 3,
    milliseconds: 321,
    finding: {
      eligible: 3,
      fooled: 1,
      foolingRatio: binomialInterval(1, 3),
      medianCleanPsnr: 25.25,
      medianOutputPsnr: 21.75,
      medianInputPsnr: 30,
      medianDistance: 0.5,
      gradientQueries: 80,
      perSample: {
        eligible: Uint8Array.of(1, 1, 1, 0),
        fooled: Uint8Array.of(1, 0, 0, 0),
        cleanErrors: Float64Array.of(24.5, 26, Number.POSITIVE_INFINITY, 19),
        errors: Float64Array.of(18.5, 21, 22.5, 17),
        distances: Float64Array.of(0.5, 0.5, 0.5, 0.5),
        cleanPsnrs: Float64Array.of(24.5, 26, Number.POSITIVE_INFINITY, 19),
        outputPsnrs: Float64Array.of(18.5, 21, 22.5, 17),
        inputPsnrs: Float64Array.of(30, 30, 30, 30),
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

/** Sample 1 withstands less than before. */
export function baselineEvidence(changes: Partial<BaselineEvidence> = {}): BaselineEvidence {
  return {
    ...common,
    kind: 'baseline',
    verdict: 'regressed',
    assertion: { negated: false, passed: false },
    method: { name: 'deepFool', kind: 'minimal-distance', norm: 'linf', settings: { steps: 50 } },
    confidence: 0.95,
    seed: 4,
    milliseconds: 250,
    baseline: {
      file: '__robustness__/a.json',
      state: 'compared',
      model: { name: 'old.onnx', sha256: 'b0' },
      version: '1',
    },
    finding: {
      eligible: 3,
      cleanAccuracy: 0.75,
      comparison: { paired: true, worse: Int32Array.of(1), better: new Int32Array(), pValue: 0.04 },
      perSample: {
        eligible: Uint8Array.of(1, 1, 1, 0),
        labels: Int32Array.of(3, 1, 7, 0),
        predictions: Int32Array.of(3, 1, 7, 6),
        withstood: Float64Array.of(0.03, 0.02, Number.POSITIVE_INFINITY, 0),
        before: Float64Array.of(0.03, 0.08, Number.POSITIVE_INFINITY, 0),
      },
    },
    ...changes,
  }
}

/** One of two unsafe cases is met. */
export function propertyEvidence(changes: Partial<PropertyEvidence> = {}): PropertyEvidence {
  return {
    ...common,
    kind: 'property',
    verdict: 'refuted',
    assertion: { negated: false, passed: false },
    samples: { count: 2, sha256: '7b'.repeat(32), labels: 'given' },
    property: { name: 'prop_2.vnnlib', sha256: '7b'.repeat(32) },
    seed: 8,
    milliseconds: 1200,
    finding: {
      eligible: 2,
      excluded: 1,
      boxes: 667,
      counterexample: { input: Float64Array.of(0.61, -0.25), output: Float64Array.of(0.02, 0.01), met: 1 },
    },
    ...changes,
  }
}

/** What each user could have named by accident or on purpose. */
export const hostile = '<img src=x onerror="document.title=1"> & |`*[x](y)*`| @octocat %0A::error::\u0001\ud800'

/** A model, a test, an attack and messages with that name. */
export function hostileEvidence(): AttackEvidence {
  const named = { ...model, name: hostile, warnings: [`${hostile} warns`] }
  return attackEvidence(
    { model: named, reason: hostile, warnings: [hostile] },
    { name: hostile, settings: { a: hostile } },
  )
}

export function inconclusiveEvidence(): AttackEvidence {
  const reason = 'No gradient rule for operator Round (node round_1).'
  return attackEvidence({ verdict: 'inconclusive', reason, finding: undefined }, { name: 'fgsm' })
}

/** One of each, with and without what is optional. */
export function everyKindOfEvidence(): Evidence[] {
  return [
    attackEvidence({ warnings: ['A warning.'] }),
    attackEvidence({ assertion: { negated: false, passed: false, expectedToFail: true } }),
    attackEvidence({ assertion: undefined }, { epsilon: Float64Array.of(0.1, 0.2, 0.1, 0.1), norm: 'l1.5' }),
    hostileEvidence(),
    inconclusiveEvidence(),
    regressionEvidence(),
    lowerBoundEvidence(),
    validityEvidence(),
    baselineEvidence(),
  ]
}

/** A minimal-distance attack on so many samples, one in ten of which is misclassified and one in ten stands. */
export function manySamples(count: number): AttackEvidence {
  const { finding } = attackEvidence()
  const samples = Array.from({ length: count }, (_, sample) => sample)
  const fooled = samples.map((sample) => Number(sample % 10 > 1))
  const eligible = count - Math.ceil(count / 10)
  const total = fooled.reduce((sum, each) => sum + each, 0)
  return attackEvidence(
    {
      samples: { count, sha256: 'c0'.repeat(32), labels: 'given' },
      finding: {
        ...finding!,
        eligible,
        fooled: total,
        foolingRatio: binomialInterval(total, eligible),
        perSample: {
          eligible: Uint8Array.from(samples, (sample) => Number(sample % 10 > 0)),
          labels: Int32Array.from(samples, (sample) => sample % 7),
          predictions: Int32Array.from(samples, (sample) => sample % 7),
          fooled: Uint8Array.from(fooled),
          adversarialPredictions: Int32Array.from(samples, (sample) => (sample % 7) + fooled[sample]),
          distances: Float64Array.from(samples, (sample) =>
            fooled[sample] ? 0.1 + Math.sin(sample) / 11 : Number.NaN,
          ),
        },
      },
    },
    { name: 'deepFool', kind: 'minimal-distance', epsilon: undefined },
  )
}

/** As a runner hands it over: every check by a test of its own. */
export function records(checks: readonly Evidence[]): EncodedCheck[] {
  return checks.map((evidence, index) => ({
    file: 'test/robustness.test.ts',
    test: `check ${index}`,
    command: `npx vitest run a.test.ts -t 'check ${index}$'`,
    evidence: encodeEvidence(evidence),
  }))
}
