import type {
  AttackEvidence,
  BaselineEvidence,
  BoundValidityEvidence,
  Evidence,
  LowerBoundEvidence,
  RegressionAttackEvidence,
  SampleEvidence,
} from '../checks/evidence.js'
import {
  type Judgement,
  judgeAttack,
  judgeBaseline,
  judgeBoundValidity,
  judgeLowerBound,
  judgeRegression,
} from '../checks/judgement.js'
import { interleave } from './interleave.js'
import {
  mergeAttackFindings,
  mergeBaselineFindings,
  mergeLowerBoundFindings,
  mergeRegressionFindings,
  mergeValidityFindings,
} from './merge-findings.js'

type Finding<Check extends Evidence> = NonNullable<Check['finding']>

/** How shards of one kind of check become the whole check. */
export interface MergeRules<Check extends Evidence> {
  /** Name of the attack or bound. */
  method(check: Check): string
  /** What all shards were asked. */
  asked(check: Check): unknown
  /** What the whole check was asked, where the shards were asked parts of it. */
  shared?(shards: readonly Check[]): Partial<Check>
  /** Whether the shard found what the verdict of the whole check needs. */
  hasOutcomes(check: Check): boolean
  judge(findings: readonly Finding<Check>[], check: Check): Judgement & { readonly finding: Finding<Check> }
}

const hasFinding = ({ finding }: Evidence) => finding !== undefined

const attack: MergeRules<AttackEvidence> = {
  method: (check) => check.attack.name,
  asked: (check) => [withoutRadii(check.attack), check.maxFoolingRatio, check.confidence, check.seed],
  shared: (shards) => ({ attack: withAllRadii(shards.map((check) => check.attack)) }),
  hasOutcomes: hasFinding,
  judge: (findings, check) => {
    const finding = mergeAttackFindings(findings)
    return { finding, ...judgeAttack(finding, check) }
  },
}

const regressionAttack: MergeRules<RegressionAttackEvidence> = {
  method: (check) => check.attack.name,
  asked: (check) => [withoutRadii(check.attack), check.limit, check.maxFoolingRatio, check.seed],
  shared: (shards) => ({ attack: withAllRadii(shards.map((check) => check.attack)) }),
  hasOutcomes: hasFinding,
  judge: (findings, check) => {
    const finding = mergeRegressionFindings(findings, check.limit)
    return { finding, ...judgeRegression(finding, check) }
  },
}

const lowerBound: MergeRules<LowerBoundEvidence> = {
  method: ({ bound }) => bound.name,
  asked: ({ bound, radius, fraction }) => [bound, radius, fraction],
  hasOutcomes: hasFinding,
  judge: (findings, check) => {
    const finding = mergeLowerBoundFindings(findings)
    return { finding, ...judgeLowerBound(finding, check) }
  },
}

const boundValidity: MergeRules<BoundValidityEvidence> = {
  method: ({ bound }) => bound.name,
  // The attacks by default are none in a shard where nothing is certified.
  asked: ({ bound, seed }) => [bound, seed],
  shared: (shards) => ({ attacks: shards.map(({ attacks }) => attacks).find(({ length }) => length > 0) ?? [] }),
  hasOutcomes: hasFinding,
  judge: (findings, check) => {
    const finding = mergeValidityFindings(findings)
    return { finding, ...judgeBoundValidity(finding, check) }
  },
}

const baseline: MergeRules<BaselineEvidence> = {
  method: ({ method }) => method.name,
  asked: ({ method, confidence, seed, baseline }) => [withoutRadii(method), confidence, seed, baseline.file],
  shared: (shards) => ({ method: withAllRadii(shards.map(({ method }) => method)) }),
  hasOutcomes: ({ finding }) => finding?.comparison !== undefined,
  judge: (findings, check) => {
    const finding = mergeBaselineFindings(findings, check)
    return { finding, ...judgeBaseline(finding, check) }
  },
}

export const mergeRules: {
  readonly [Kind in SampleEvidence['kind']]: MergeRules<Extract<Evidence, { readonly kind: Kind }>>
} = {
  attack,
  'regression-attack': regressionAttack,
  'lower-bound': lowerBound,
  'bound-validity': boundValidity,
  baseline,
}

interface WithRadii {
  readonly epsilon?: number | Float64Array
}

/** Radii that differ between samples are those of the shard's own. */
function withoutRadii(method: WithRadii) {
  return typeof method.epsilon === 'object' ? { ...method, epsilon: 'per sample' } : method
}

function withAllRadii<Method extends WithRadii>(shards: readonly Method[]): Method {
  const radii = shards.flatMap(({ epsilon }) => (typeof epsilon === 'object' ? [epsilon] : []))
  return radii.length === shards.length ? { ...shards[0], epsilon: interleave(radii) } : shards[0]
}
