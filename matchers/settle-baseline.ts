import type { Baseline } from '../src/baseline/baseline.js'
import type { Recalled } from '../src/baseline/recall.js'
import { writeBaseline } from '../src/baseline/store.js'
import type { BaselineEvidence, BaselineFinding, StoredBaseline } from '../src/checks/evidence.js'
import { type Judgement, judgeBaseline, whyNoBaseline, whyNothingToLose } from '../src/checks/judgement.js'
import * as reasons from '../src/checks/reasons.js'
import { comparePaired, compareUnpaired, isRegression } from '../src/measures/compare-outcomes.js'
import { type Shard, shardIndices } from '../src/sampling/shard.js'
import { baselineReplaced, baselineWeakened } from './messages/baseline.js'

interface Circumstances {
  readonly testFile: string
  /** What would be stored. */
  readonly current: Baseline
  readonly recalled: Recalled
  readonly place: { readonly update: 'all' | 'new' | 'none' }
  readonly negated: boolean
  readonly shard: Shard | undefined
}

type Asked = Omit<BaselineEvidence, 'verdict'> & { readonly finding: BaselineFinding }

/** Compares what was found with the baseline, or stores it: as snapshots do, never in the negated form or in a shard. */
export function settle(asked: Asked, circumstances: Circumstances): BaselineEvidence {
  const { recalled, negated, shard } = circumstances
  if (isToBeStored(asked, circumstances)) return store(asked, circumstances)
  if (recalled.state === 'refused') {
    return { ...asked, verdict: 'inconclusive', reason: reasons.baselineRefused(recalled.reason) }
  }
  if (recalled.state === 'missing') {
    const why = negated ? 'negated' : shard ? 'shard' : 'ci'
    return { ...asked, verdict: 'inconclusive', reason: reasons.baselineMissing(asked.baseline.file, why) }
  }
  const finding = compare(asked, recalled.baseline, circumstances)
  const compared = { ...asked, finding, baseline: describe(asked, recalled, 'compared') }
  return { ...compared, ...judgeBaseline(finding, compared) }
}

function isToBeStored(asked: Asked, circumstances: Circumstances): boolean {
  const { current, recalled, place, negated, shard } = circumstances
  if (negated || shard || place.update === 'none') return false
  if (recalled.state === 'missing') return true
  if (place.update !== 'all') return false
  if (recalled.state === 'refused') return true
  // A baseline that the same model matches stays as it is: chance would change some samples every time.
  const { model, version } = recalled.baseline
  if (model.sha256 !== current.model.sha256 || version !== current.version) return true
  return isRegression(compare(asked, recalled.baseline, circumstances).comparison!, asked.confidence)
}

function store(asked: Asked, circumstances: Circumstances): BaselineEvidence {
  const { testFile, current, recalled } = circumstances
  const why = whyNotToBeStored(asked)
  if (why !== undefined) return { ...asked, verdict: 'inconclusive', reason: why }
  const { file } = asked.baseline
  const verdict: Judgement = { verdict: 'kept' }
  writeBaseline(testFile, file, current)
  if (recalled.state === 'missing') return { ...asked, baseline: describe(asked, recalled, 'written'), ...verdict }

  const baseline = describe(asked, recalled, 'updated')
  if (recalled.state === 'refused') {
    return { ...asked, baseline, warnings: [...asked.warnings, baselineReplaced(file, recalled.reason)], ...verdict }
  }
  const finding = compare(asked, recalled.baseline, circumstances)
  const weakened = baselineWeakened(file, finding.comparison!)
  return { ...asked, baseline, finding, warnings: [...asked.warnings, ...weakened], ...verdict }
}

/** A baseline that nothing could be compared with would pass for ever. */
function whyNotToBeStored({ finding, interrupted, milliseconds, confidence }: Asked): string | undefined {
  return (
    whyNoBaseline(finding) ??
    (interrupted ? reasons.comparisonInterrupted(milliseconds) : undefined) ??
    whyNothingToLose(finding.perSample.withstood, true, confidence)
  )
}

function compare(
  { finding, confidence }: Asked,
  { setting, outcomes }: Baseline,
  { current, shard }: Circumstances,
): BaselineFinding {
  const { withstood } = finding.perSample
  const { samples } = current.setting
  const before = shard
    ? Float64Array.from(shardIndices(shard, outcomes.withstood.length), (sample) => outcomes.withstood[sample])
    : outcomes.withstood
  const paired = setting.samples.sha256 === samples.sha256 && setting.samples.labels === samples.labels
  return {
    ...finding,
    comparison: paired ? comparePaired(before, withstood) : compareUnpaired(before, withstood, confidence),
    perSample: { ...finding.perSample, before },
  }
}

function describe(
  { baseline: { file } }: Asked,
  recalled: Recalled,
  state: StoredBaseline['state'],
): BaselineEvidence['baseline'] {
  if (recalled.state !== 'comparable') return { file, state }
  const { model, version } = recalled.baseline
  return { file, state, model, version }
}
