import { createHash } from 'node:crypto'
import type { Picture } from '../../src/checks/pictures.js'
import { formatCount } from '../../src/format.js'
import { attention, count, headline } from '../attention.js'
import { columnsFor, legendFor, mark } from '../columns.js'
import type { ModelReport, Report } from '../report.js'
import { renderComparisons } from './comparison-section.js'
import { renderConfusion } from './confusion.js'
import { element, type HtmlElement, scrollable, table } from './element.js'
import { choosePictures, renderPictures } from './pictures.js'
import { renderReplays, replayId } from './replay.js'
import { renderSampleTables } from './sample-table.js'
import { script } from './script.js'
import { styles } from './styles.js'

/** The report as one HTML file that needs nothing else: charts are drawn here, not in the browser. */
export function renderHtml(report: Report): string {
  const pictures = choosePictures(report.models.flatMap(({ records }) => records))
  const page = element(
    'html',
    { lang: 'en' },
    element(
      'head',
      {},
      element('meta', { charset: 'utf-8' }),
      element('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
      element('meta', { 'http-equiv': 'Content-Security-Policy', content: policy() }),
      element('title', {}, 'unfooled: robustness report'),
      element('style', {}, styles),
    ),
    element(
      'body',
      {},
      element('header', {}, element('h1', {}, 'Robustness report'), element('p', {}, headline(report))),
      element(
        'main',
        {},
        renderOverview(report),
        ...report.models.map((model, index) => renderModel(model, index, pictures)),
      ),
      element('script', {}, script),
    ),
  )
  return `<!doctype html>\n${page.outerHTML}\n`
}

/** Nothing is loaded, and no script runs but ours: whatever a name of the evidence might contain. */
function policy(): string {
  const hash = createHash('sha256').update(script).digest('base64')
  return `default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-${hash}'`
}

function renderOverview(report: Report): HtmlElement {
  const checks = report.models.flatMap((model) => model.checks)
  const { passed, failed, failedAsExpected, inconclusive, measured } = count(checks)
  const counts = [
    { name: 'passed', value: passed, kind: 'passed' },
    { name: 'failed', value: failed, kind: 'failed' },
    ...(failedAsExpected > 0 ? [{ name: 'failed as expected', value: failedAsExpected, kind: 'passed' }] : []),
    { name: 'inconclusive', value: inconclusive, kind: 'inconclusive' },
    ...(report.failedTests.length > 0
      ? [{ name: 'other failures', value: report.failedTests.length, kind: 'failed' }]
      : []),
    // Without an assertion, as most of an audit is.
    ...(measured > 0 ? [{ name: 'measured', value: measured, kind: 'measured' }] : []),
  ]
  const points = attention(report)
  const replays = new Map(
    report.models.flatMap(({ checks }, model) => checks.map((check, position) => [check, replayId(model, position)])),
  )
  return element(
    'section',
    { 'aria-labelledby': 'overview' },
    element('h2', { id: 'overview' }, 'Overview'),
    element(
      'dl',
      { class: 'counts' },
      ...counts.map(({ name, value, kind }) =>
        element(
          'div',
          { class: value === 0 ? 'none' : kind },
          element('dt', {}, name),
          element('dd', {}, String(value)),
        ),
      ),
    ),
    points.length === 0
      ? element('p', {}, checks.length === 0 ? 'No checks were recorded.' : 'Nothing needs attention.')
      : element(
          'ul',
          { class: 'attention' },
          ...points.map(({ mark, subject, text, check }) =>
            element(
              'li',
              { class: kinds[mark] },
              element('span', { class: 'mark' }, `${mark} ${kinds[mark]}`),
              subject === undefined
                ? undefined
                : element('strong', {}, check ? element('a', { href: `#${replays.get(check)}` }, subject) : subject),
              element('span', {}, text),
            ),
          ),
        ),
    report.models.length > 1
      ? element(
          'nav',
          { 'aria-label': 'Models' },
          element(
            'ul',
            {},
            ...report.models.map(({ model }, index) =>
              element('li', {}, element('a', { href: `#model-${index}` }, model.name)),
            ),
          ),
        )
      : undefined,
  )
}

const kinds = { '✓': 'passed', '✗': 'failed', '?': 'inconclusive', '!': 'warning', '·': 'measured' } as const

function renderModel(report: ModelReport, index: number, pictures: ReadonlySet<Picture>): HtmlElement {
  const { model, checks, records } = report
  const [, ...columns] = columnsFor(checks)
  const charts = [...renderComparisons(records), ...renderConfusion(records)]
  const classes = 'classes' in model.output ? `, ${model.output.classes} classes` : ''
  return element(
    'section',
    { 'aria-labelledby': `model-${index}` },
    element('h2', { id: `model-${index}` }, model.name),
    element(
      'p',
      {},
      `${formatCount(model.parameters, 'parameter')}, inputs ${model.input.featureShape.join(' × ')}${classes}, ${model.device}, SHA-256 ${model.sha256.slice(0, 12)}…`,
    ),
    element('h3', {}, 'Checks'),
    scrollable(
      'Checks',
      table(
        'Every check with its verdict',
        ['check', 'verdict', ...columns.slice(1).map(({ title }) => title)],
        checks.map((check, position) => {
          const [name, ...cells] = columns.map(({ cell }) => cell(check))
          const sign = mark(check)
          const kind = kinds[sign]
          const verdict = element('span', { class: kind }, `${sign} ${sign === '·' ? kind : check.verdict}`)
          return [element('a', { href: `#${replayId(index, position)}` }, name), verdict, ...cells]
        }),
      ),
    ),
    element('p', { class: 'legend' }, legendFor(checks)),
    ...titled('Charts', charts.length === 0 ? [] : [element('div', { class: 'charts' }, ...charts)]),
    ...titled('Adversarial examples', renderPictures(report, pictures)),
    ...titled('Samples', renderSampleTables(report)),
    element('h3', {}, 'To repeat'),
    ...renderReplays(report, index),
  )
}

function titled(title: string, content: readonly HtmlElement[]): HtmlElement[] {
  return content.length === 0 ? [] : [element('h3', {}, title), ...content]
}
