import { formatNumber } from '../format.js'
import { median } from '../statistics/median.js'
import type { Baseline, Outcomes } from './baseline.js'
import { BaselineError } from './baseline-error.js'

const schemaVersion = 1

/** Samples per line: flags of a fixed ε are one character each, distances and radii are numbers. */
const flagsPerLine = 50
const numbersPerLine = 10

/**
 * A baseline as JSON text that people review: a summary, and one character or number per sample, in lines that begin
 * with the index of their first sample. `.` withstood, `F` was fooled, `x` is not eligible; distances and radii have
 * four significant digits, `inf` is a sample without an adversarial example.
 */
export function formatBaseline({ check, version, model, setting, seed, outcomes }: Baseline): string {
  const lines = hasFlags(setting.method.kind) ? formatFlags(outcomes) : formatNumbers(outcomes)
  const text = {
    schemaVersion,
    unfooled: version,
    check,
    model,
    ...setting,
    seed,
    summary: summarize(outcomes, setting.method.kind),
    outcomes: lines,
  }
  return `${JSON.stringify(text, null, 2)}\n`
}

/** @throws BaselineError when the text is no baseline, was written by another version of the format, or is damaged. */
export function parseBaseline(text: string): Baseline {
  const stored = parseObject(text)
  if (stored.schemaVersion !== schemaVersion) {
    throw new BaselineError(
      `The baseline has version ${stored.schemaVersion}; this version of unfooled reads version ${schemaVersion}.`,
    )
  }
  const { unfooled, check, model, samples, domain, device, method, seed, summary, outcomes: lines } = stored
  const complete =
    [unfooled, check, domain, device, model?.name, model?.sha256].every((value) => typeof value === 'string') &&
    [samples, method, method?.settings, summary, lines].every((value) => typeof value === 'object' && value !== null)
  if (!complete) throw new BaselineError('The baseline lacks some of its parts.')
  const outcomes = hasFlags(method.kind) ? parseFlags(lines) : parseNumbers(lines)
  const counted = JSON.stringify(summarize(outcomes, method.kind))
  if (outcomes.withstood.length !== samples.count || counted !== JSON.stringify(summary)) {
    throw new BaselineError('The outcomes of the baseline do not add up to its summary: it was edited, or cut off.')
  }
  return { check, version: unfooled, model, setting: { samples, domain, device, method }, seed, outcomes }
}

function hasFlags(kind: Baseline['setting']['method']['kind']): boolean {
  return kind === 'fixed-epsilon'
}

function summarize({ eligible, withstood }: Outcomes, kind: Baseline['setting']['method']['kind']) {
  const count = eligible.filter((flag) => flag === 1).length
  if (hasFlags(kind)) return { eligible: count, withstood: withstood.filter((value) => value > 0).length }
  // Of the rounded numbers: what was read back has the same summary.
  const rounded = Array.from(withstood, (value) => Number(word(value).replace('inf', 'Infinity')))
  return { eligible: count, median: word(median(rounded.filter((_, sample) => eligible[sample] === 1))) }
}

function formatFlags({ eligible, withstood }: Outcomes): Record<string, string> {
  const flags = Array.from(eligible, (flag, sample) => (flag === 0 ? 'x' : withstood[sample] > 0 ? '.' : 'F'))
  return inLines(flags, flagsPerLine, '')
}

function formatNumbers({ eligible, withstood }: Outcomes): Record<string, string> {
  const words = Array.from(eligible, (flag, sample) => (flag === 0 ? 'x' : word(withstood[sample])))
  return inLines(words, numbersPerLine, ' ')
}

function word(value: number): string {
  return value === Number.POSITIVE_INFINITY ? 'inf' : formatNumber(value)
}

function inLines(words: readonly string[], perLine: number, separator: string): Record<string, string> {
  const lines: Record<string, string> = {}
  for (let start = 0; start < words.length; start += perLine) {
    lines[start] = words.slice(start, start + perLine).join(separator)
  }
  return lines
}

function parseFlags(lines: Readonly<Record<string, unknown>>): Outcomes {
  const flags = [...Object.values(lines).join('')]
  const strange = flags.find((flag) => !'.Fx'.includes(flag))
  if (strange !== undefined)
    throw new BaselineError(`The baseline has the outcome "${strange}"; there are ".", F and x.`)
  return {
    eligible: Uint8Array.from(flags, (flag) => Number(flag !== 'x')),
    withstood: Float64Array.from(flags, (flag) => Number(flag === '.')),
  }
}

function parseNumbers(lines: Readonly<Record<string, unknown>>): Outcomes {
  const words = Object.values(lines)
    .join(' ')
    .split(' ')
    .filter((part) => part !== '')
  const withstood = Float64Array.from(words, (part) => {
    if (part === 'x') return 0
    return part === 'inf' ? Number.POSITIVE_INFINITY : Number(part)
  })
  const strange = words.find((_, sample) => !(withstood[sample] >= 0))
  if (strange !== undefined) throw new BaselineError(`The baseline has the outcome "${strange}", which is no distance.`)
  return { eligible: Uint8Array.from(words, (part) => Number(part !== 'x')), withstood }
}

// biome-ignore lint/suspicious/noExplicitAny: what a file has is not known before it was looked at
function parseObject(text: string): Record<string, any> {
  try {
    const value = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value
  } catch (cause) {
    throw new BaselineError(`The baseline is no JSON: ${(cause as Error).message}`, { cause })
  }
  throw new BaselineError('The baseline is no JSON object.')
}
