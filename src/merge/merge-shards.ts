import type { Evidence, RecordedCheck, SampleEvidence, ShardOfSamples } from '../checks/evidence.js'
import { type FailedTest, whyFailed } from '../checks/failed-test.js'
import { encodeJson } from '../checks/json-safe.js'
import { placeName } from '../checks/place.js'
import { passes } from '../checks/verdict.js'
import { UnfooledError } from '../errors.js'
import { shardIndices } from '../sampling/shard.js'
import { type MergeRules, mergeRules } from './merge-rules.js'

/** Shards that do not make up a whole check: some are missing, or there more than once. */
export class MergeError extends UnfooledError {
  constructor(message: string) {
    super('MERGE', message)
  }
}

type ShardEvidence = SampleEvidence & { readonly shard: ShardOfSamples }
type ShardCheck = RecordedCheck & { readonly evidence: ShardEvidence }

/**
 * Merges the shards of each check into the evidence of the whole check: totals, intervals and the verdict are computed
 * anew from the outcomes of the samples. Checks without shards stay as they are; each check is in the place of its first
 * record.
 * @param failedTests Of all shards: they say why a shard is missing.
 * @throws MergeError when a shard is missing or there twice, or has other samples than its part.
 */
export function mergeShards(
  records: readonly RecordedCheck[],
  failedTests: readonly FailedTest[] = [],
): RecordedCheck[] {
  const groups = new Map<string, ShardCheck[]>()
  for (const record of records.filter(isShard)) {
    const key = identity(record)
    groups.set(key, [...(groups.get(key) ?? []), record])
  }
  return records.flatMap((record) => {
    if (!isShard(record)) return [record]
    const group = groups.get(identity(record))!
    return record === group[0] ? [mergeGroup(group, failedTests)] : []
  })
}

function isShard(record: RecordedCheck): record is ShardCheck {
  return record.evidence.kind !== 'property' && record.evidence.shard !== undefined
}

function rulesOf({ kind }: ShardEvidence): MergeRules<Evidence> {
  return mergeRules[kind] as unknown as MergeRules<Evidence>
}

/** What shards of one check have in common: what was asked, of which model, on which samples. */
function identity({ project, file, test, evidence }: ShardCheck): string {
  const { kind, model, shard, assertion } = evidence
  const asked = [
    kind,
    model.sha256,
    model.device,
    shard.of,
    shard.count,
    assertion?.negated,
    rulesOf(evidence).asked(evidence),
  ]
  return JSON.stringify(encodeJson([project, file, test, ...asked]))
}

function mergeGroup(group: readonly ShardCheck[], failedTests: readonly FailedTest[]): RecordedCheck {
  const [{ evidence: _, ...place }] = group
  const shards = inOrder(group, failedTests)
  const { shard, assertion, reason, ...first } = shards[0]
  const rules = rulesOf(shards[0])
  const merged = {
    ...first,
    ...rules.shared?.(shards),
    samples: shard.of,
    warnings: [...new Set(shards.flatMap(({ warnings }) => warnings))],
    interrupted: shards.some(({ interrupted }) => interrupted),
    milliseconds: shards.reduce((sum, { milliseconds }) => sum + milliseconds, 0),
  } as Evidence
  const unfinished = shards.find((evidence) => !rules.hasOutcomes(evidence))
  const judged = unfinished
    ? ({
        finding: undefined,
        verdict: 'inconclusive',
        reason: `Shard ${describe(unfinished.shard)}: ${unfinished.reason}`,
      } as const)
    : rules.judge(
        shards.map(({ finding }) => finding!),
        merged,
      )
  const whole = { ...merged, ...judged } as Evidence
  if (!assertion) return { ...place, evidence: whole }
  const { negated } = assertion
  return { ...place, evidence: { ...whole, assertion: { negated, passed: passes(whole.verdict, negated) } } }
}

/** @throws MergeError unless every shard is there once, with as many samples as its part has. */
function inOrder(group: readonly ShardCheck[], failedTests: readonly FailedTest[]): ShardEvidence[] {
  const { evidence } = group[0]
  const { count, of } = evidence.shard
  const where = `${placeName(group[0])} (${rulesOf(evidence).method(evidence)})`
  return Array.from({ length: count }, (_, position) => {
    const candidates = group.filter((check) => check.evidence.shard.index === position + 1)
    const name = describe({ index: position + 1, count })
    if (candidates.length === 0) {
      const failed = failedTests.find((test) => couldKeepFrom(group[0], test))
      const why = failed ? ` ${placeName(failed)} ${whyFailed(failed)}` : ''
      throw new MergeError(`${where}: shard ${name} is missing.${why}`)
    }
    if (candidates.length > 1) {
      throw new MergeError(
        `${where}: shard ${name} is there ${candidates.length} times. Merge each run once; checks of one test that are the same, tests that are tried again, and projects that run the same file and have no names (displayName of Jest) cannot be told apart.`,
      )
    }
    const found = candidates[0].evidence
    const expected = shardIndices(found.shard, of.count).length
    if (found.samples.count === expected) return found
    throw new MergeError(
      `${where}: shard ${name} has ${found.samples.count} samples in place of the ${expected} of ${of.count} that are its part.`,
    )
  })
}

/** Whether the test is that of the check, or what failed its file or a hook. */
function couldKeepFrom({ project, file, test }: ShardCheck, failed: FailedTest): boolean {
  return failed.project === project && failed.file === file && (failed.test === undefined || failed.test === test)
}

function describe({ index, count }: Pick<ShardOfSamples, 'index' | 'count'>): string {
  return `${index}/${count}`
}
