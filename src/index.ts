export type {
  Attack,
  AttackCandidates,
  AttackContext,
  AttackedSample,
  AttackRequest,
  AttackResult,
} from './attacks/attack.js'
export { type DeepFoolSettings, deepFool } from './attacks/deep-fool.js'
export { type FgsmSettings, fgsm } from './attacks/fgsm.js'
export { type PgdSettings, pgd } from './attacks/pgd.js'
export { type RandomNoiseSettings, randomNoise } from './attacks/random-noise.js'
export { attack } from './attacks/run-attack.js'
export type { Bound, BoundContext, BoundedSample, BoundRequest, BoundResult } from './bounds/bound.js'
export { crown, intervalPropagation, type RelaxationSettings } from './bounds/crown.js'
export { type LinearExactSettings, linearExact } from './bounds/linear-exact.js'
export { bound, marginBounds } from './bounds/run-bound.js'
export type { Budget, BudgetRequest, BudgetSettings } from './budget.js'
export {
  EngineError,
  GraphRefusedError,
  ModelError,
  SampleError,
  SettingsError,
  UnfooledError,
  UnsupportedOperatorError,
} from './errors.js'
export type { Domain, DomainSettings } from './geometry/domain.js'
export type { AttackNorm, Distance, Norm } from './geometry/norm.js'
export type { Classifier, ModelDescription } from './model/classifier.js'
export { loadModel } from './model/load-model.js'
export type { ModelSettings } from './model/model-settings.js'
export type { Preprocessing } from './model/preprocessing.js'
export type { LossName } from './passes/losses.js'
export { type LoadSamplesOptions, loadSamples } from './sampling/load-samples.js'
export type { RandomSource } from './sampling/random.js'
export { firstSamples, type Inputs, type Samples } from './sampling/samples.js'
export type { Interval } from './statistics/binomial.js'
export type { Verdict } from './verdict.js'
