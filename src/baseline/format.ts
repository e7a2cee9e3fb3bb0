import { createHash } from 'node:crypto'
import { formatNumber } from '../format.js'
import { median } from '../statistics/median.js'
import type { Baseline, Outcomes } from './baseline.js'
import { BaselineError } from './baseline-error.js'

const schemaVersion = 2

/** Samples per line: flags of a fixed ε are one character each, distances and radii are numbers. */
const flagsPerLine = 50
const numbersPerLine = 10

/**
 * A baseline as JSON text that people review: a summary, and one character or number per sample, in lines that begin
 * with the index of their first sample. `.` withstood, `F` was fooled, `x` is not eligible; distances and radii have
 * four significant digits, `inf` is a sample without an adversarial example. A checksum of all of it comes last.
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
  return `${JSON.stringify({ ...text, checksum: checksumOf(text) }, null, 2)}\n`
}

/** @throws BaselineError when the text is no baseline, was written by another version of the format, or is damaged. */
export function parseBaseline(text: string): Baseline {
  const stored = parseObject(text)
  if (stored.schemaVersion !== schemaVersion) {
    throw new BaselineError(
      `The baseline has version ${stored.schemaVersion}; this version of unfooled reads version ${schemaVersion}.`,
    )
  }
  const { checksum, ...said } = stored
  if (checksum !== checksumOf(said)) {
    throw new BaselineError('The baseline does not have its checksum: it was edited, or merged from several.')
  }
  const { unfooled, check, model, samples, domain, device, method, seed, outcomes: lines } = stored
  const outcomes = hasFlags(method.kind) ? parseFlags(lines) : parseNumbers(lines)
  return { check, version: unfooled, model, setting: { samples, domain, device, method }, seed, outcomes }
}

/** Of what a file says, however it is laid out. */
function checksumOf(text: object): string {
  return createHash('sha256').update(JSON.stringify(text)).digest('hex')
}

function hasFlags(kind: Baseline['setting']['method']['kind']): boolean {
  return kind === 'fixed-epsilon'
}

function summarize({ eligible, withstood }: Outcomes, kind: Baseline['setting']['method']['kind']) {
  const count = eligible.filter((flag) => flag === 1).length
  if (hasFlags(kind)) return { eligible: count, withstood: withstood.filter((value) => value > 0).length }
  return { eligible: count, median: word(median(Array.from(withstood).filter((_, sample) => eligible[sample] === 1))) }
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

function parseFlags(lines: Readonly<Record<string, string>>): Outcomes {
  const flags = [...Object.values(lines).join('')]
  return {
    eligible: Uint8Array.from(flags, (flag) => Number(flag !== 'x')),
    withstood: Float64Array.from(flags, (flag) => Number(flag === '.')),
  }
}

function parseNumbers(lines: Readonly<Record<string, string>>): Outcomes {
  const words = Object.values(lines).flatMap((line) => line.split(' '))
  const withstood = Float64Array.from(words, (part) => {
    if (part === 'x') return 0
    return part === 'inf' ? Number.POSITIVE_INFINITY : Number(part)
  })
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
