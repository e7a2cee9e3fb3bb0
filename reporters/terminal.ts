import Table from 'cli-table3'
import { formatCount } from '../src/format.js'
import { type Attention, attention, headline } from './attention.js'
import { columnsFor, legendFor } from './columns.js'
import type { Report } from './report.js'
import type { ModelSummary } from './summary.js'

/** The report for a terminal: a table per model, then only what needs attention. */
export function renderTerminal(report: Report): string {
  const { models, problems } = report
  return [
    models.length === 0 && problems.length === 0
      ? 'unfooled: no robustness checks were recorded: no test came to one, or the setup file unfooled/vitest or unfooled/jest is not configured.'
      : `unfooled: ${headline(report)}`,
    ...models.map(renderModel),
    wrap(legendFor(models.flatMap(({ checks }) => checks))),
    attention(report).map(renderAttention).join('\n'),
  ]
    .filter((block) => block !== '')
    .join('\n\n')
}

function renderModel({ model, checks }: ModelSummary): string {
  const columns = columnsFor(checks)
  const table = new Table({
    head: columns.map(({ title }) => title),
    colAligns: columns.map(({ right }) => (right ? 'right' : 'left')),
    chars: borderless,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2, compact: true },
  })
  for (const check of checks) table.push(columns.map(({ cell }) => cell(check)))
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

function renderAttention({ mark, subject, text }: Attention): string {
  if (mark !== '!') return `${mark} ${subject}\n    ${text}`
  return `${mark} ${subject === undefined ? '' : `${subject}: `}${text}`
}

/** Breaks a line at the last space before column 120. */
function wrap(line: string): string {
  if (line.length <= 120) return line
  const end = line.lastIndexOf(' ', 120)
  return `${line.slice(0, end)}\n${wrap(line.slice(end + 1))}`
}
