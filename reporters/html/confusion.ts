import type { RecordedCheck } from '../../src/checks/evidence.js'
import { confusionChart } from './charts.js'
import { figure } from './comparison-section.js'
import { type HtmlElement, table } from './element.js'

/** More classes cannot be read. */
const mostClasses = 20

/** Which classes the fooled samples of a model were taken for, counted once per attack; nothing without any. */
export function renderConfusion(records: readonly RecordedCheck[]): HtmlElement[] {
  const counts = new Map<string, { label: number; prediction: number; count: number }>()
  const involved = new Map<number, number>()
  for (const { evidence } of records) {
    if (evidence.kind !== 'attack' || !evidence.finding) continue
    const { fooled, labels, adversarialPredictions } = evidence.finding.perSample
    fooled.forEach((isFooled, sample) => {
      if (!isFooled) return
      const [label, prediction] = [labels[sample], adversarialPredictions[sample]]
      const key = `${label} ${prediction}`
      counts.set(key, { label, prediction, count: (counts.get(key)?.count ?? 0) + 1 })
      for (const each of [label, prediction]) involved.set(each, (involved.get(each) ?? 0) + 1)
    })
  }
  if (counts.size === 0) return []
  const classes = [...involved].sort(([, one], [, other]) => other - one).map(([each]) => each)
  const shown = new Set(classes.slice(0, mostClasses))
  const cells = [...counts.values()]
    .filter(({ label, prediction }) => shown.has(label) && shown.has(prediction))
    .sort((one, other) => one.label - other.label || one.prediction - other.prediction)
  return [
    figure(
      'Confusion of the fooled samples',
      classes.length > mostClasses ? `the ${mostClasses} most frequent classes of ${classes.length}` : 'all attacks',
      'How often a sample of one class was taken for another.',
      confusionChart(cells),
      table(
        'Fooled samples by class and prediction',
        ['class', 'taken for', 'times'],
        cells.map(({ label, prediction, count }) => [label, prediction, count].map(String)),
      ),
    ),
  ]
}
