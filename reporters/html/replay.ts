import { placeName } from '../../src/checks/place.js'
import { formatDuration } from '../../src/format.js'
import { outcome } from '../attention.js'
import { describeCheck, formatRadius, mark } from '../columns.js'
import { methodOf } from '../method.js'
import type { ModelReport } from '../report.js'
import { element, type HtmlElement } from './element.js'

/** Where {@link renderReplays} puts a check of a model. */
export function replayId(model: number, check: number): string {
  return `model-${model}-check-${check}`
}

/** What is needed to repeat a check: test, samples, settings and seed. */
export function renderReplays({ checks, records }: ModelReport, model: number): HtmlElement[] {
  return checks.map((check, position) => {
    const { evidence } = records[position]
    const { settings } = methodOf(evidence)
    const attacks = evidence.kind === 'bound-validity' ? evidence.attacks : []
    const facts: [term: string, fact: string | undefined][] = [
      ['Result', outcome(check)],
      ['Test', placeName(check)],
      ['Command', check.command],
      ['Seed', check.seed === undefined ? undefined : `${check.seed}: given to the same check, it repeats it`],
      ['Norm', check.norm],
      ['ε', formatRadius(check.radius) || undefined],
      ['Settings', formatSettings(settings)],
      ...attacks.map((attack): [string, string] => [`Attack ${attack.name}`, formatSettings(attack.settings)]),
      ['Samples', `${check.samples}, SHA-256 ${evidence.samples.sha256}, labels ${evidence.samples.labels}`],
      ['Time', `${formatDuration(check.milliseconds)}${evidence.interrupted ? ', ended by the budget' : ''}`],
      ...check.warnings.map((warning): [string, string] => ['Warning', warning]),
    ]
    return element(
      'details',
      { class: 'replay' },
      element('summary', {}, `${mark(check)} ${describeCheck(check)} · ${placeName(check)}`),
      element(
        'dl',
        // Inside, so that a link to it opens it.
        { id: replayId(model, position) },
        ...facts.flatMap(([term, fact]) =>
          fact === undefined
            ? []
            : [
                element('dt', {}, term),
                term === 'Command' ? element('dd', {}, element('code', {}, fact)) : element('dd', {}, fact),
              ],
        ),
      ),
    )
  })
}

function formatSettings(settings: Readonly<Record<string, unknown>>): string {
  const entries = Object.entries(settings).map(([name, value]) => `${name}: ${String(value)}`)
  return entries.length === 0 ? 'none' : entries.join(', ')
}
