import { formatCount } from '../src/format.js'
import { attention, headline } from './attention.js'
import { columnsFor, legendFor } from './columns.js'
import type { Report } from './report.js'
import type { ModelSummary } from './summary.js'

/** GitHub refuses comments that are longer. */
const mostCharacters = 65_000

/** The report for a GitHub job summary or a comment on a pull request: what needs attention, then a table per model. */
export function renderMarkdown(report: Report): string {
  const lines = [
    `## unfooled: ${headline(report)}`,
    '',
    ...attention(report).map(({ mark, subject, text }) => {
      return `- ${marks[mark]} ${subject === undefined ? '' : `${code(subject)}: `}${plain(text)}`
    }),
    '',
    ...report.models.flatMap(renderModel),
    ...renderLegend(report),
  ]
  return `${cut(lines).join('\n')}\n`
}

function renderLegend({ models }: Report): string[] {
  const legend = legendFor(models.flatMap(({ checks }) => checks))
  return legend === '' ? [] : [`<sub>${legend}</sub>`, '']
}

const marks = { '✓': '✅', '✗': '❌', '?': '❓', '!': '⚠️' } as const

function renderModel({ model, checks }: ModelSummary): string[] {
  const columns = columnsFor(checks)
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [
    `### ${code(model.name)} · ${formatCount(model.parameters, 'parameter')} · ${plain(model.device)}`,
    '',
    row(columns.map(({ title }) => title)),
    row(columns.map(({ right }) => (right ? '--:' : ':--'))),
    ...checks.map((check) =>
      row(columns.map(({ cell }) => marks[cell(check) as keyof typeof marks] ?? plain(cell(check)))),
    ),
    '',
  ]
}

/** Names of users stay text: no HTML, no formatting, nobody is notified. */
function plain(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/[\\`*_{}[\]()#|~]/g, '\\$&')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('@', '@&#8203;')
}

/** A name as inline code, which leaves everything but back quotes as it is. */
function code(text: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  const padding = longest > 0 ? ' ' : ''
  return `${fence}${padding}${text.replace(/\s+/g, ' ')}${padding}${fence}`
}

function cut(lines: readonly string[]): string[] {
  let characters = 0
  const fitting = lines.findIndex((line) => {
    characters += line.length + 1
    return characters > mostCharacters
  })
  if (fitting < 0) return [...lines]
  return [...lines.slice(0, fitting), '', '**Too long for GitHub: the rest is in the other reports.**']
}
