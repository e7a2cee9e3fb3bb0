import type { RecordedCheck } from '../../src/evidence.js'
import { short } from '../columns.js'
import { type Colours, chooseColours, deviationChart, distanceChart, sandwichChart } from './charts.js'
import { attackReach, boundReach, type Comparison, comparisons, deviations } from './comparison.js'
import { attackCurve, attackPoints, type CurvePoint, certifiedCurve, largestRadius } from './curves.js'
import { element, type HtmlElement, scrollable, table } from './element.js'

/** The charts of what can be compared, each with its figures as a table. */
export function renderComparisons(records: readonly RecordedCheck[]): HtmlElement[] {
  const all = comparisons(records)
  const methods = all.flatMap((comparison) => [...attackReach(comparison), ...boundReach(comparison)])
  const colours = chooseColours([...new Set(methods.map(({ method }) => method))])
  return all.map((comparison) => renderComparison(comparison, colours))
}

function renderComparison(comparison: Comparison, colours: Colours): HtmlElement {
  const { norm, samples, limit, records } = comparison
  const attacks = attackReach(comparison)
  const bounds = boundReach(comparison)
  const largest = largestRadius(comparison, attacks, bounds)
  const attacked = attacks.flatMap((attack) => attackCurve(attack, largest))
  const certified = bounds.flatMap((bound) => certifiedCurve(bound, largest))
  const points = attackPoints(records)
  const distances = attacks.filter(({ values }) => spreads(values))
  const pairs = deviations(comparison)
  return element(
    'section',
    { class: 'comparison' },
    element('h4', {}, `${norm}, ${samples} samples${limit === undefined ? '' : `, fooled by ${limit}`}`),
    element(
      'div',
      { class: 'charts' },
      largest > 0
        ? figure(
            'Fooling ratio against ε',
            'Lines with 95 % bands: samples that no adversarial example within ε was found for. Areas: samples certified at ε. The truth lies between. Dots: checks at one ε.',
            sandwichChart(attacked, certified, points, colours, norm),
            curveTable([...attacked, ...certified]),
          )
        : undefined,
      distances.length > 0
        ? figure(
            'Distances of the adversarial examples',
            'The closest one of each fooled sample.',
            distanceChart(distances, colours, norm),
            quartileTable(distances.map(({ method, values }) => [method, values])),
          )
        : undefined,
      pairs.length > 0
        ? figure(
            'Deviation of bounds and attacks',
            'Distance of the adversarial example − certified radius of each sample: extremes, quartiles and median. Below 0 the bound is wrong.',
            deviationChart(
              pairs.flatMap(({ pair, values }) => values.map((deviation) => ({ pair, deviation }))),
              norm,
            ),
            quartileTable(pairs.map(({ pair, values }) => [pair, values])),
          )
        : undefined,
    ),
  )
}

/** An attack with one radius ends on the surface of its ball, which says nothing of distances. */
function spreads(ascending: readonly number[]): boolean {
  return ascending.length > 0 && (ascending.length === 1 || ascending[0] < 0.999 * ascending[ascending.length - 1])
}

export function figure(title: string, caption: string, chart: HtmlElement, figures: HtmlElement): HtmlElement {
  return element(
    'figure',
    {},
    element('figcaption', {}, element('strong', {}, title), ' ', caption),
    element(
      'div',
      { role: 'img', 'aria-label': `${title}. The figures follow as a table.` },
      element('div', { 'aria-hidden': 'true' }, chart),
    ),
    element('details', {}, element('summary', {}, 'Figures'), scrollable(`${title}, figures`, figures)),
  )
}

function curveTable(points: readonly CurvePoint[]): HtmlElement {
  const percent = (ratio: number) => (100 * ratio).toFixed(1)
  return table(
    'Share of robust samples by method and ε',
    ['method', 'ε', 'robust %', '95 % interval'],
    points.map(({ method, epsilon, robust, low, high }) => [
      method,
      short(epsilon),
      percent(robust),
      `${percent(low)}–${percent(high)}`,
    ]),
  )
}

function quartileTable(rows: readonly (readonly [name: string, values: readonly number[]])[]): HtmlElement {
  return table(
    'Quartiles',
    ['method', 'samples', 'smallest', 'lower quartile', 'median', 'upper quartile', 'largest'],
    rows.map(([name, values]) => [name, String(values.length), ...quartiles(values).map(short)]),
  )
}

/** Smallest, quartiles and largest, interpolated between neighbours as in the chart. */
function quartiles(values: readonly number[]): number[] {
  const sorted = values.toSorted((left, right) => left - right)
  return [0, 0.25, 0.5, 0.75, 1].map((quantile) => {
    const position = quantile * (sorted.length - 1)
    const below = sorted[Math.floor(position)]
    return below + (sorted[Math.ceil(position)] - below) * (position % 1)
  })
}
