export type {
  Attack,
  AttackCandidates,
  AttackContext,
  AttackedSample,
  AttackRequest,
  AttackResult,
  ClassifiedInputs,
} from './attacks/attack.js'
export { type ApgdSettings, apgd } from './attacks/auto-attack/apgd.js'
export { type ApgdTargetedSettings, apgdTargeted } from './attacks/auto-attack/apgd-targeted.js'
export { type AutoAttackSettings, autoAttack } from './attacks/auto-attack/auto-attack.js'
export { type FabSettings, type FabTargetedSettings, fab, fabTargeted } from './attacks/auto-attack/fab.js'
export { firstSuccess } from './attacks/auto-attack/first-success.js'
export {
  type FastGradientSignSearchSettings,
  fastGradientSignSearch,
} from './attacks/line-search/fast-gradient-sign-search.js'
export { type FastGradientValueSettings, fastGradientValue } from './attacks/line-search/fast-gradient-value.js'
export { type HotColdSettings, hotCold } from './attacks/line-search/hot-cold.js'
export {
  type IterativePerturbationSettings,
  iterativePerturbation,
} from './attacks/line-search/iterative-perturbation.js'
export {
  type PerturbationSequence,
  type PerturbationSequenceRequest,
  type PerturbationSequences,
  perturbationSequence,
} from './attacks/line-search/perturbation-sequence.js'
export { type LinearRegionSettings, linearRegion } from './attacks/linear-region/linear-region.js'
export { type AlmaSettings, alma } from './attacks/minimal-distance/alma.js'
export {
  type BoundaryProjectionSettings,
  boundaryProjection,
} from './attacks/minimal-distance/boundary-projection.js'
export { type CarliniWagnerSettings, carliniWagner } from './attacks/minimal-distance/carlini-wagner.js'
export { type DdnSettings, ddn } from './attacks/minimal-distance/ddn.js'
export { type EadSettings, ead } from './attacks/minimal-distance/ead.js'
export { type FmnSettings, fmn } from './attacks/minimal-distance/fmn.js'
export { type LbfgsSettings, lbfgs } from './attacks/minimal-distance/lbfgs.js'
export { type Algorithm1Settings, algorithm1 } from './attacks/perturbation-analysis/algorithm1.js'
export { type Algorithm2Settings, algorithm2 } from './attacks/perturbation-analysis/algorithm2.js'
export { type BimSettings, bim } from './attacks/perturbation-analysis/bim.js'
export { type DeepFoolSettings, deepFool } from './attacks/perturbation-analysis/deep-fool.js'
export { type EnsembleSettings, ensemble } from './attacks/perturbation-analysis/ensemble.js'
export { type FgsmSettings, fgsm } from './attacks/perturbation-analysis/fgsm.js'
export { type GnmSettings, gnm } from './attacks/perturbation-analysis/gnm.js'
export type { MinimumNormSettings } from './attacks/perturbation-analysis/minimum-norm.js'
export type { NormConstrainedSettings } from './attacks/perturbation-analysis/norm-constrained.js'
export {
  type PerturbationAnalysisSettings,
  perturbationAnalysis,
} from './attacks/perturbation-analysis/perturbation-analysis.js'
export { type PgdSettings, pgd } from './attacks/perturbation-analysis/pgd.js'
export { type RfgsmSettings, rfgsm } from './attacks/perturbation-analysis/rfgsm.js'
export { type LinearSettings, linear } from './attacks/regression/linear.js'
export { type LinearPixelSettings, linearPixel } from './attacks/regression/linear-pixel.js'
export { type QuadraticSettings, quadratic } from './attacks/regression/quadratic.js'
export { type QuadraticPixelSettings, quadraticPixel } from './attacks/regression/quadratic-pixel.js'
export { type RandomLpSettings, randomLp } from './attacks/regression/random-lp.js'
export { type RandomPixelSettings, randomPixel } from './attacks/regression/random-pixel.js'
export type {
  AttackedRegressionSample,
  OutputError,
  OutputLoss,
  RegressionAttack,
  RegressionAttackContext,
  RegressionAttackRequest,
  RegressionAttackResult,
  RegressionCandidates,
} from './attacks/regression/regression-attack.js'
export { attackRegressor } from './attacks/regression/run-regression-attack.js'
export type { SubsetSettings } from './attacks/regression/subsets.js'
export { attack } from './attacks/run-attack.js'
export { type HopSkipJumpSettings, hopSkipJump } from './attacks/without-gradients/hop-skip-jump.js'
export { type RandomNoiseSettings, randomNoise } from './attacks/without-gradients/random-noise.js'
export { type RaySSettings, rayS } from './attacks/without-gradients/ray-s.js'
export { type SquareSettings, square } from './attacks/without-gradients/square.js'
export { type TransferSettings, transfer } from './attacks/without-gradients/transfer.js'
export { type AlphaCrownSettings, alphaCrown } from './bounds/alpha-crown.js'
export type { Bound, BoundContext, BoundedSample, BoundRequest, BoundResult } from './bounds/bound.js'
export { type CrownSettings, crown, crownIbp, intervalPropagation, type RelaxationSettings } from './bounds/crown.js'
export { type LinearExactSettings, linearExact } from './bounds/linear-exact.js'
export { type LipschitzSettings, lipschitz } from './bounds/lipschitz/lipschitz.js'
export { taylor } from './bounds/lipschitz/taylor.js'
export { publishedPeck } from './bounds/published/published-bound.js'
export { bound, marginBounds } from './bounds/run-bound.js'
export type { Budget, BudgetRequest, BudgetSettings } from './budget.js'
export type { Verdict } from './checks/verdict.js'
export type { Device } from './engine/device.js'
export {
  EngineError,
  GraphRefusedError,
  ModelError,
  NoGradientError,
  NoGraphError,
  SampleError,
  SettingsError,
  UnfooledError,
  UnsupportedOperatorError,
} from './errors.js'
export type { Domain, DomainSettings } from './geometry/domain.js'
export type { AttackNorm, Distance, Norm } from './geometry/norm.js'
export { type BoundDeviation, boundDeviation } from './measures/bound-deviation.js'
export { confusionOfFooled } from './measures/confusion.js'
export {
  type EpsilonSweep,
  type EpsilonSweepRequest,
  epsilonSweep,
  type SweptSample,
  smallestEpsilonAbove,
} from './measures/epsilon-sweep.js'
export { type LinearisedDistance, linearisedDistance } from './measures/linearised-distance.js'
export { relativePerturbation } from './measures/relative-perturbation.js'
export type { Classifier } from './model/classifier.js'
export type { FixedInput } from './model/fixed-inputs.js'
export { type ClassifierFunctions, type FunctionSettings, fromFunctions } from './model/from-functions.js'
export { loadModel } from './model/load-model.js'
export { loadRegressor, type RegressorSettings } from './model/load-regressor.js'
export type { ClassifierOutput, Model, ModelDescription, RegressorOutput } from './model/model.js'
export type { ModelSettings } from './model/model-settings.js'
export type { Preprocessing } from './model/preprocessing.js'
export type { Regressor } from './model/regressor.js'
export { loadTfjsModel } from './model/tensorflow/load-tfjs-model.js'
export { loadTfjsRegressor, type TfjsRegressorSettings } from './model/tensorflow/load-tfjs-regressor.js'
export type { Tfjs, TfjsModel } from './model/tensorflow/tfjs.js'
export type { TfjsModelSettings } from './model/tensorflow/tfjs-model-settings.js'
export type { LossName } from './passes/losses.js'
export type { ImageColor, ImageLayout } from './sampling/formats/format.js'
export { type LoadSamplesOptions, loadSamples } from './sampling/load-samples.js'
export type { RandomSource } from './sampling/random.js'
export { firstSamples, type Inputs, type PartOfSet, type Samples } from './sampling/samples.js'
export { type NestedNumbers, type SampleArrays, samplesFrom } from './sampling/samples-from.js'
export type { Interval } from './statistics/binomial.js'
export type { Distribution } from './statistics/distribution.js'
export { type CompleteSettings, complete } from './verification/complete.js'
export { type ExactSettings, exact } from './verification/exact.js'
export { type VerificationRequest, type VerificationResult, verifyProperty } from './verification/verify-property.js'
export { loadProperty } from './vnnlib/load-property.js'
export { parseProperty } from './vnnlib/parse-property.js'
export type { LinearConstraint, Property, UnsafeCase } from './vnnlib/property.js'
export { PropertyError } from './vnnlib/property-error.js'
