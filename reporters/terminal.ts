import Table from 'cli-table3'
import { formatCount, formatNumber, formatPercent } from '../src/format.js'
import type { Contradiction } from './gap.js'
import type { Report } from './report.js'
import type { CheckSummary, ModelSummary } from './summary.js'

/** The report for a terminal: a table per model, then only what needs attention. */
export function renderTerminal({ complete, models, problems }: Report): string {
  const checks = models.flatMap((model) => model.checks)
  if (checks.length === 0 && problems.length === 0) {
    return 'unfooled: no robustness checks were recorded (is the setup file unfooled/vitest or unfooled/jest configured?)'
  }
  const attention = [
    ...(complete ? [] : ['! The run was interrupted: checks are missing.']),
    ...problems.map((problem) => `! Unreadable evidence: ${problem}`),
    ...models.flatMap(attentionTo),
  ]
  return [headline(checks, models.length), ...models.map(renderModel), legend, attention.join('\n')]
    .filter((block) => block !== '')
    .join('\n\n')
}

function headline(checks: readonly CheckSummary[], models: number): string {
  const inconclusive = checks.filter(({ verdict }) => verdict === 'inconclusive').length
  const failed = checks.filter(({ passed }) => passed === false).length - inconclusive
  const parts = [
    `${formatCount(checks.length, 'check')} of ${formatCount(models, 'model')}`,
    failed === 0 ? 'none failed' : `${failed} failed`,
    ...(inconclusive === 0 ? [] : [`${inconclusive} inconclusive`]),
  ]
  return `unfooled: ${parts.join(', ')}`
}

const legend =
  'distance: median of the adversarial examples · certified: share of the samples at this radius, or smallest / median\nradius · gap: median of distance − certified radius'

const columns: readonly { title: string; right?: boolean; cell: (check: CheckSummary) => string }[] = [
  { title: '', cell: mark },
  { title: 'check', cell: formatCheck },
  { title: 'norm', cell: ({ norm }) => norm },
  { title: 'radius', right: true, cell: ({ radius }) => formatRadius(radius) },
  { title: 'samples', right: true, cell: ({ eligible, samples }) => `${eligible ?? '?'}/${samples}` },
  { title: 'clean %', right: true, cell: ({ cleanAccuracy }) => optional(cleanAccuracy, inPercent) },
  { title: 'fooled %', right: true, cell: formatFooled },
  { title: 'distance', right: true, cell: ({ medianDistance }) => optional(medianDistance, short) },
  { title: 'certified', right: true, cell: formatCertified },
  { title: 'gap', right: true, cell: ({ gap }) => optional(gap, short) },
  { title: 'time', right: true, cell: ({ milliseconds }) => formatTime(milliseconds) },
  { title: 'seed', right: true, cell: ({ seed }) => (seed === undefined ? '' : String(seed)) },
]

function renderModel({ model, checks }: ModelSummary): string {
  const used = columns.filter(({ title, cell }) => title === '' || checks.some((check) => cell(check) !== ''))
  const table = new Table({
    head: used.map(({ title }) => title),
    colAligns: used.map(({ right }) => (right ? 'right' : 'left')),
    chars: borderless,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2, compact: true },
  })
  for (const check of checks) table.push(used.map(({ cell }) => cell(check)))
  const lines = table.toString().split('\n')
  return [
    `${model.name} · ${formatCount(model.parameters, 'parameter')} · ${model.device}`,
    ...lines.map((line) => line.trimEnd()),
  ].join('\n')
}

const borderless = Object.fromEntries(
  ['top', 'bottom', 'left', 'right']
    .flatMap((side) => [
      [side, ''],
      [`${side}-mid`, ''],
      [`${side}-left`, ''],
      [`${side}-right`, ''],
    ])
    .concat([
      ['mid', ''],
      ['mid-mid', ''],
      ['middle', ''],
    ]),
)

function attentionTo({ model, checks, contradictions }: ModelSummary): string[] {
  // Where nothing was eligible, warnings about the samples only repeat the reason.
  const warnings = new Set([
    ...model.warnings,
    ...checks.flatMap((check) => (check.eligible === 0 ? [] : check.warnings)),
  ])
  return [
    ...checks
      .filter(({ passed, verdict }) => passed === false || verdict === 'inconclusive')
      .flatMap((check) => [
        `${mark(check)} ${check.file}${check.test === undefined ? '' : ` > ${check.test}`}`,
        `    ${outcome(check)}${check.seed === undefined ? '' : ` Seed ${check.seed}.`}`,
      ]),
    ...Object.values(groupBy(contradictions, ({ certifiedBy, norm }) => `${certifiedBy} ${norm}`)).map(
      (group) => `! ${model.name}: ${contradiction(group)}`,
    ),
    ...[...warnings].map((warning) => `! ${model.name}: ${warning}`),
  ]
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

function outcome(check: CheckSummary): string {
  const { verdict, method, fooled, eligible, certified, radius, norm, violations } = check
  const not = check.negated ? ', and was expected not to' : ''
  switch (verdict) {
    case 'inconclusive':
      return `Inconclusive: ${check.reason}`
    case 'fooled':
    case 'resists':
      return `${method} fooled ${fooled} of ${formatCount(eligible!, 'sample')}; ${check.negated ? 'expected more than' : 'accepted at most'} ${formatPercent(check.maxFoolingRatio!)}.`
    case 'certified':
    case 'uncertified':
      return `${method} certifies ${certified} of ${formatCount(eligible!, 'sample')} above ${norm} ${formatRadius(radius)}; ${check.negated ? 'expected less than' : 'required'} ${formatPercent(check.fraction!)}.`
    case 'valid':
      return `${method} withstood every attempt to refute it${not}.`
    case 'violated':
      return `${method} is violated on ${formatCount(violations!, 'sample')}: a defect of the bound.`
  }
}

function mark({ passed, verdict }: CheckSummary): string {
  if (verdict === 'inconclusive') return '?'
  return passed === false ? '✗' : '✓'
}

function formatCheck({ kind, method, negated }: CheckSummary): string {
  return `${negated ? 'not ' : ''}${method}${kind === 'bound-validity' ? ' valid' : ''}`
}

function formatRadius(radius: CheckSummary['radius']): string {
  if (typeof radius !== 'object') return optional(radius, short)
  return radius.map((value) => String(Number(value.toPrecision(2)))).join('–')
}

function formatFooled({ fooled, foolingRatio, violations }: CheckSummary): string {
  if (violations !== undefined) return violations === 0 ? 'no violation' : formatCount(violations, 'violation')
  if (fooled === undefined || Number.isNaN(foolingRatio!.value)) return ''
  return `${inPercent(foolingRatio!.value)} [${inPercent(foolingRatio!.low)}, ${inPercent(foolingRatio!.high)}]`
}

function formatCertified({ certified, eligible, certifiedRadius }: CheckSummary): string {
  if (certified !== undefined) return eligible === 0 ? '' : formatPercent(certified / eligible!)
  if (certifiedRadius === undefined || Number.isNaN(certifiedRadius.median)) return ''
  return `${short(certifiedRadius.minimum)} / ${short(certifiedRadius.median)}`
}

function formatTime(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${short(milliseconds / 1000)} s`
}

function inPercent(ratio: number): string {
  return String(Number((100 * ratio).toFixed(1)))
}

/** A table has no room for more than three digits. */
function short(value: number): string {
  return String(Number(value.toPrecision(3)))
}

function optional(value: number | undefined, format: (value: number) => string): string {
  return value === undefined || Number.isNaN(value) ? '' : format(value)
}
