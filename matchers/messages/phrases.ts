import type { AttackEvidence, AttackFinding, LowerBoundFinding, RegressionFinding } from '../../src/checks/evidence.js'
import { formatCount, formatNumber, formatPercent } from '../../src/format.js'
import { extremes } from '../../src/statistics/extremes.js'

/** How many samples a message shows before it only counts the rest. */
const shownSamples = 5

export function fooledOf({ fooled, eligible, foolingRatio }: AttackFinding | RegressionFinding): string {
  const { value, low, high } = foolingRatio
  return `${fooled} of ${formatCount(eligible, 'sample')}, a fooling ratio of ${formatPercent(value)} (95 % interval ${formatPercent(low)} to ${formatPercent(high)})`
}

/** A verdict is about the eligible samples; says how many were left out. */
export function excluded(finding: AttackFinding | LowerBoundFinding): string[] {
  const { eligible, labels, predictions } = finding.perSample
  const count = eligible.length - finding.eligible
  if (count === 0) return []
  const misclassified = labels.filter((label, sample) => label !== predictions[sample]).length
  const why =
    misclassified === count ? 'misclassified as they are' : 'misclassified, or of the target class, as they are'
  return [`Not counted: ${count} of ${formatCount(eligible.length, 'sample')}, ${why}.`]
}

export function describeMethod(
  kind: 'Attack' | 'Bound',
  method: Pick<AttackEvidence['attack'], 'name' | 'norm' | 'epsilon' | 'settings'>,
): string {
  return `${kind}: ${method.name} (${[method.norm, ...epsilonOf(method), ...settingsOf(method.settings)].join(', ')})`
}

/** But for norm and ε, which are said anyway. */
export function settingsOf(settings: Readonly<Record<string, number | string | boolean>>): string[] {
  return Object.entries(settings)
    .filter(([name]) => name !== 'norm' && name !== 'epsilon')
    .map(([name, value]) => `${name} ${typeof value === 'number' ? formatNumber(value) : value}`)
}

function epsilonOf({ epsilon }: Pick<AttackEvidence['attack'], 'epsilon'>): string[] {
  if (epsilon === undefined) return []
  if (typeof epsilon === 'number') return [`ε ${formatNumber(epsilon)}`]
  const [smallest, largest] = extremes(epsilon)
  return [`ε ${formatNumber(smallest)} to ${formatNumber(largest)} per sample`]
}

export function indicesWhere(flags: Uint8Array): number[] {
  return Array.from(flags.keys()).filter((index) => flags[index] === 1)
}

/** Some of the lines, and of how many more there are. */
export function shorten(lines: readonly string[], count: number): string[] {
  const rest = count - shownSamples
  return [...lines.slice(0, shownSamples), ...(rest > 0 ? [`and ${rest} more`] : [])].map((line) => `  ${line}`)
}
