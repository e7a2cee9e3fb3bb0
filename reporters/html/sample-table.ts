import type { SampleEvidence } from '../../src/checks/evidence.js'
import { describeCheck, short } from '../columns.js'
import { certifiedRadii } from '../gap.js'
import type { ModelReport } from '../report.js'
import type { CheckSummary } from '../summary.js'
import { adversarialDistances } from './comparison.js'
import { element, type HtmlElement, scrollable } from './element.js'

/** Keeps the file small: with so many cells a table still has about a megabyte. */
const mostCells = 40_000

/** The states of a sample, worst first. */
const states = ['fooled', 'ineligible', 'unfooled', 'certified'] as const

interface Column {
  readonly check: CheckSummary
  readonly evidence: SampleEvidence & { readonly finding: NonNullable<SampleEvidence['finding']> }
  /** Of an attack: NaN where the sample is not fooled. */
  readonly distances: Float64Array | undefined
  /** Of a bound. */
  readonly radii: Float64Array | undefined
  /** False for an estimate, which certifies nothing. */
  readonly sound: boolean
}

/** What every check found on every sample: one table per set of samples, sorted and filtered by the script of the page. */
export function renderSampleTables({ checks, records }: ModelReport): HtmlElement[] {
  const sets = new Map<string, Column[]>()
  records.forEach(({ evidence }, index) => {
    if (!evidence.finding || evidence.kind === 'property') return
    const { sha256 } = evidence.samples
    const column = {
      check: checks[index],
      evidence: evidence as Column['evidence'],
      distances: adversarialDistances(evidence),
      radii: certifiedRadii(evidence),
      sound: !('bound' in evidence) || evidence.bound.sound,
    }
    sets.set(sha256, [...(sets.get(sha256) ?? []), column])
  })
  return [...sets.values()].map(renderSet)
}

function renderSet(columns: readonly Column[]): HtmlElement {
  const { count, sha256 } = columns[0].evidence.samples
  const shown = Math.min(count, Math.floor(mostCells / (columns.length + 4)))
  const classified = columns.find(({ evidence }) => 'labels' in evidence.finding.perSample)
  const head = ['sample', ...(classified ? ['class', 'predicted'] : []), 'state', ...columns.map(title)]
  const rows = Array.from({ length: shown }, (_, sample) => [
    String(sample),
    ...(classified ? classes(classified.evidence, sample) : []),
    stateOf(columns, sample),
    ...columns.map((column) => cell(column, sample)),
  ])
  return element(
    'details',
    { class: 'samples' },
    element('summary', {}, `Samples: ${count} with SHA-256 ${sha256.slice(0, 12)}…`),
    shown < count
      ? element('p', {}, `The first ${shown} of ${count} samples; report.json has all of them.`)
      : undefined,
    element(
      'p',
      { class: 'filter' },
      element(
        'label',
        {},
        'State ',
        element('select', {}, ...['all', ...states].map((state) => element('option', {}, state))),
      ),
      element('label', {}, 'Find ', element('input', { type: 'search' })),
      element('span', { role: 'status' }, `${shown} samples`),
    ),
    scrollable(
      'Samples',
      element(
        'table',
        { class: 'sortable' },
        element('caption', {}, 'Attacks: distance → class it is taken for. Bounds: certified radius. –: not eligible.'),
        element(
          'thead',
          {},
          element(
            'tr',
            {},
            ...head.map((text) => element('th', { scope: 'col' }, element('button', { type: 'button' }, text))),
          ),
        ),
        element(
          'tbody',
          {},
          ...rows.map(([sample, ...cells]) =>
            element('tr', {}, element('th', { scope: 'row' }, sample), ...cells.map((text) => element('td', {}, text))),
          ),
        ),
      ),
    ),
  )
}

function title({ check }: Column): string {
  return describeCheck({ ...check, negated: false })
}

function classes({ finding }: Column['evidence'], sample: number): string[] {
  if (!('labels' in finding.perSample)) return ['', '']
  return [String(finding.perSample.labels[sample]), String(finding.perSample.predictions[sample])]
}

function stateOf(columns: readonly Column[], sample: number): (typeof states)[number] {
  const eligible = columns.filter(({ evidence }) => evidence.finding.perSample.eligible[sample])
  if (eligible.length === 0) return 'ineligible'
  if (eligible.some(({ distances }) => distances && !Number.isNaN(distances[sample]))) return 'fooled'
  return eligible.some(({ sound, radii }) => sound && radii && radii[sample] > 0) ? 'certified' : 'unfooled'
}

function cell({ evidence, distances, radii }: Column, sample: number): string {
  if (!evidence.finding.perSample.eligible[sample]) return '–'
  if (radii) return short(radii[sample])
  const fooled = !Number.isNaN(distances![sample])
  if (evidence.kind === 'regression-attack') {
    const { cleanErrors, errors } = evidence.finding!.perSample
    return `${short(cleanErrors[sample])} → ${short(errors[sample])}${fooled ? ' fooled' : ''}`
  }
  if (!fooled) return 'unfooled'
  if (evidence.kind !== 'attack') return short(distances![sample])
  return `${short(distances![sample])} → ${evidence.finding!.perSample.adversarialPredictions[sample]}`
}
