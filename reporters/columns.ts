import { formatCount, formatPercent } from '../src/format.js'
import type { BaselineSummary, CheckSummary } from './summary.js'

/** A column of the table of checks. */
export interface Column {
  readonly title: string
  readonly right?: boolean
  /** What the title does not say. */
  readonly meaning?: string
  readonly cell: (check: CheckSummary) => string
}

const columns: readonly Column[] = [
  { title: '', cell: mark },
  {
    title: 'check',
    cell: (check) => `${formatCheck(check)}${check.failedAsExpected ? ', failed as expected' : ''}`,
  },
  { title: 'norm', cell: ({ norm }) => norm ?? '' },
  { title: 'radius', right: true, cell: ({ radius }) => formatRadius(radius) },
  { title: 'samples', right: true, cell: ({ eligible, samples }) => `${eligible ?? '?'}/${samples}` },
  { title: 'clean %', right: true, cell: ({ cleanAccuracy }) => optional(cleanAccuracy, inPercent) },
  { title: 'fooled %', right: true, meaning: 'with the exact 95 % interval', cell: formatFooled },
  {
    title: 'output dB',
    right: true,
    meaning: 'median PSNR of the outputs without → with the attack',
    cell: ({ outputPsnr }) => formatPsnr(outputPsnr),
  },
  {
    title: 'distance',
    right: true,
    meaning: 'median of the adversarial examples',
    cell: ({ medianDistance }) => optional(medianDistance, short),
  },
  {
    title: 'certified',
    right: true,
    meaning: 'share of the samples at this radius, or smallest / median radius',
    cell: formatCertified,
  },
  { title: 'baseline', cell: ({ baseline }) => (baseline ? formatBaseline(baseline) : '') },
  {
    title: 'gap',
    right: true,
    meaning: 'median of distance − certified radius',
    cell: ({ gap }) => optional(gap, short),
  },
  { title: 'time', right: true, cell: ({ milliseconds }) => formatTime(milliseconds) },
  { title: 'seed', right: true, cell: ({ seed }) => (seed === undefined ? '' : String(seed)) },
]

/** The columns in which any of the checks has something to say. */
export function columnsFor(checks: readonly CheckSummary[]): readonly Column[] {
  return columns.filter(({ title, cell }) => title === '' || checks.some((check) => cell(check) !== ''))
}

/** What the columns mean that are there; empty where that goes without saying. */
export function legendFor(checks: readonly CheckSummary[]): string {
  const explained = columnsFor(checks).filter(({ meaning }) => meaning !== undefined)
  return explained.map(({ title, meaning }) => `${title}: ${meaning}`).join(' · ')
}

/** Passed or as its test expects, failed, inconclusive, or only measured, in one character. */
export function mark({
  passed,
  failedAsExpected,
  verdict,
}: Pick<CheckSummary, 'passed' | 'failedAsExpected' | 'verdict'>): '✓' | '✗' | '?' | '·' {
  if (verdict === 'inconclusive') return '?'
  if (passed === undefined) return '·'
  return passed || failedAsExpected ? '✓' : '✗'
}

export function formatRadius(radius: CheckSummary['radius']): string {
  if (typeof radius !== 'object') return optional(radius, short)
  return radius.map((value) => String(Number(value.toPrecision(2)))).join('–')
}

/** Tells the checks of one model apart: `pgd linf 0.1`. */
export function describeCheck(check: Pick<CheckSummary, 'kind' | 'method' | 'norm' | 'radius' | 'negated'>): string {
  return [formatCheck(check), check.norm ?? '', formatRadius(check.radius)].filter((part) => part !== '').join(' ')
}

/** What the comparison with a baseline found; without one, what became of the baseline. */
export function formatBaseline({ state, paired, unpaired }: BaselineSummary): string {
  if (paired) return `${paired.worse} worse, ${paired.better} better`
  if (unpaired) return `${inPercent(unpaired.before.value)} % → ${inPercent(unpaired.now.value)} %`
  return state
}

/** A table has no room for more than three digits. */
export function short(value: number): string {
  return String(Number(value.toPrecision(3)))
}

function formatCheck({ kind, method, negated }: Pick<CheckSummary, 'kind' | 'method' | 'negated'>): string {
  const suffix = kind === 'bound-validity' ? ' valid' : kind === 'baseline' ? ' baseline' : ''
  return `${negated ? 'not ' : ''}${method}${suffix}`
}

function formatFooled({ fooled, foolingRatio, violations }: CheckSummary): string {
  if (violations !== undefined) return violations === 0 ? 'no violation' : formatCount(violations, 'violation')
  if (fooled === undefined || Number.isNaN(foolingRatio!.value)) return ''
  return `${inPercent(foolingRatio!.value)} [${inPercent(foolingRatio!.low)}, ${inPercent(foolingRatio!.high)}]`
}

function formatPsnr(psnr: CheckSummary['outputPsnr']): string {
  if (psnr === undefined || Number.isNaN(psnr.attacked)) return ''
  const [clean, attacked] = [psnr.clean, psnr.attacked].map((value) =>
    value === Number.POSITIVE_INFINITY ? '∞' : short(value),
  )
  return `${clean} → ${attacked}`
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

function optional(value: number | undefined, format: (value: number) => string): string {
  return value === undefined || Number.isNaN(value) ? '' : format(value)
}
