import { type FailedTest, whyFailed } from '../src/checks/failed-test.js'
import { placeName } from '../src/checks/place.js'
import { formatCount, formatNumber, formatPercent } from '../src/format.js'
import { describeCheck, formatBaseline, formatRadius, mark } from './columns.js'
import type { Contradiction } from './gap.js'
import type { Report } from './report.js'
import type { CheckSummary, ModelSummary } from './summary.js'

/** Something that a reader has to know. */
export interface Attention {
  /** A failed check or test, an inconclusive check, or a warning. */
  readonly mark: '✗' | '?' | '!'
  /** What it is about: a test, a model, or nothing where it is the run. */
  readonly subject?: string
  readonly text: string
  /** Given with ? and, unless it was a test that failed otherwise, with ✗. */
  readonly check?: CheckSummary
  /** One that failed outside its checks. */
  readonly failedTest?: FailedTest
}

/** Failures of all models first, then what could not tell, then warnings. What went well needs no attention. */
export function attention({ complete, models, problems, failedTests }: Report): Attention[] {
  return [
    ...(complete ? [] : [{ mark: '!', text: 'The run was interrupted: checks are missing.' } as const]),
    ...problems.map((text) => ({ mark: '!', subject: 'Unreadable evidence', text }) as const),
    ...[...failedTests.map(attentionToTest), ...models.flatMap(attentionTo)].sort(
      (one, other) => severities.indexOf(one.mark) - severities.indexOf(other.mark),
    ),
  ]
}

const severities = ['✗', '?', '!']

function attentionToTest(failedTest: FailedTest): Attention {
  return { mark: '✗', subject: placeName(failedTest), text: `It ${whyFailed(failedTest)}`, failedTest }
}

/** How many checks of how many models, and how they ended. */
export function headline({ models, failedTests }: Pick<Report, 'models' | 'failedTests'>): string {
  const checks = models.flatMap((model) => model.checks)
  const { failed, failedAsExpected, inconclusive } = count(checks)
  const parts = [
    `${formatCount(checks.length, 'check')} of ${formatCount(models.length, 'model')}`,
    failed === 0 ? 'none failed' : `${failed} failed`,
    ...(failedAsExpected === 0 ? [] : [`${failedAsExpected} failed as expected`]),
    ...(inconclusive === 0 ? [] : [`${inconclusive} inconclusive`]),
    ...(failedTests.length === 0 ? [] : [formatCount(failedTests.length, 'other failure')]),
  ]
  return parts.join(', ')
}

/** How many checks ended in each way. One that ran outside an assertion neither passed nor failed: it only measured. */
export function count(checks: readonly CheckSummary[]) {
  const marked = (sign: ReturnType<typeof mark>) => checks.filter((check) => mark(check) === sign).length
  const failedAsExpected = checks.filter((check) => check.failedAsExpected).length
  return {
    passed: marked('✓') - failedAsExpected,
    failed: marked('✗'),
    failedAsExpected,
    inconclusive: marked('?'),
    measured: marked('·'),
  }
}

/** What the check found and what was accepted, in sentences. */
export function outcome(check: CheckSummary): string {
  return `${finding(check)}${check.failedAsExpected ? ' Its test is expected to fail.' : ''}`
}

function finding(check: CheckSummary): string {
  const { verdict, method, fooled, eligible, certified, radius, norm, violations } = check
  const not = check.negated ? ', and was expected not to' : ''
  switch (verdict) {
    case 'inconclusive':
      return `${describeCheck(check)} is inconclusive. ${check.reason}`
    case 'fooled':
    case 'resists':
      return `${method}${radius === undefined ? '' : ` within ${norm} ${formatRadius(radius)}`} fooled ${shareOf(fooled!, eligible!)}; ${check.negated ? 'expected' : 'accepted'} ${limitOf(check)}.`
    case 'certified':
    case 'uncertified':
      return `${method} certifies ${shareOf(certified!, eligible!)} above ${norm} ${formatRadius(radius)}; ${check.negated ? 'expected less than' : 'required'} ${formatPercent(check.fraction!)}.`
    case 'valid':
      return `${method} withstood every attempt to refute it${not}.`
    case 'violated':
      return `${method} is violated on ${formatCount(violations!, 'sample')}: a defect of the bound.`
    case 'kept':
      return `${method} finds the model no weaker than its baseline ${check.baseline!.file}${not}: ${compare(check)}.`
    case 'proved':
      return `${method} holds: ${formatCount(eligible!, 'unsafe case')}, excluded for all inputs${not}.`
    case 'refuted':
      return `${method} is violated: an input meets one of ${formatCount(eligible!, 'unsafe case')}.`
    case 'regressed':
      return `${method} finds the model weaker than its baseline ${check.baseline!.file}: ${compare(check)}.`
  }
}

function limitOf({ negated, maxFoolingRatio }: CheckSummary): string {
  if (maxFoolingRatio === 0) return negated ? 'any' : 'none'
  return `${negated ? 'more than' : 'at most'} ${formatPercent(maxFoolingRatio!)}`
}

function shareOf(part: number, all: number): string {
  return `${part} of ${formatCount(all, 'sample')} (${formatPercent(part / all)})`
}

function compare({ baseline, eligible }: CheckSummary): string {
  const { paired } = baseline!
  if (!paired) return `${formatBaseline(baseline!)} of the samples withstand`
  return `of ${formatCount(eligible!, 'sample')}, ${paired.worse} withstand less than before and ${paired.better} more`
}

function attentionTo({ model, checks, contradictions }: ModelSummary): Attention[] {
  // Where nothing was eligible, warnings about the samples only repeat the reason.
  const warned = checks.filter(({ eligible }) => eligible !== 0)
  const warnings = new Set([...model.warnings, ...warned.flatMap((check) => check.warnings)])
  const subjectOf = (warning: string) =>
    model.warnings.includes(warning) ? model.name : placesOf(warned.filter((check) => check.warnings.includes(warning)))
  const refuted = Object.values(groupBy(contradictions, ({ certifiedBy, norm }) => `${certifiedBy} ${norm}`))
  return [
    ...checks
      .filter((check) => mark(check) === '✗' || mark(check) === '?')
      .map((check) => ({
        mark: mark(check) as '✗' | '?',
        subject: placeName(check),
        text: `${outcome(check)}${check.seed === undefined ? '' : ` Seed ${check.seed}.`}`,
        check,
      })),
    ...refuted.map((group) => ({ mark: '!', subject: model.name, text: contradiction(group) }) as const),
    ...Array.from(warnings, (text) => ({ mark: '!', subject: subjectOf(text), text }) as const),
  ]
}

/** The first test of several, and how many there are. */
function placesOf(checks: readonly CheckSummary[]): string {
  const [first, ...others] = new Set(checks.map(placeName))
  return others.length === 0 ? first : `${first} and ${others.length} more`
}

function contradiction(group: readonly Contradiction[]): string {
  const samples = new Set(group.map(({ sample }) => sample)).size
  const [worst] = group.toSorted((left, right) => left.distance / left.radius - right.distance / right.radius)
  const { certifiedBy, norm, sample, radius, distance, fooledBy } = worst
  return `${certifiedBy} certifies ${formatCount(samples, 'sample')} that another check fools: the bound is wrong. Sample ${sample} is certified up to ${norm} ${formatNumber(radius)}, and ${fooledBy} fools it at ${formatNumber(distance)}.`
}

function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Record<string, Item[]> {
  const groups: Record<string, Item[]> = {}
  for (const item of items) {
    const key = keyOf(item)
    groups[key] = [...(groups[key] ?? []), item]
  }
  return groups
}
