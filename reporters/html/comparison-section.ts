import type { RecordedCheck } from '../../src/evidence.js'
import { formatCount } from '../../src/format.js'
import { short } from '../columns.js'
import { type Colours, chooseColours, deviationChart, distanceChart, sandwichChart } from './charts.js'
import {
  attackReach,
  boundReach,
  type Comparison,
  challengerReach,
  comparisons,
  deviations,
  type Reach,
} from './comparison.js'
import { attackCurve, attackPoints, type CurvePoint, certifiedCurve, largestRadius } from './curves.js'
import { element, type HtmlElement, scrollable, table } from './element.js'

/** The charts of what can be compared, each with its figures as a table. */
export function renderComparisons(records: readonly RecordedCheck[]): HtmlElement[] {
  const all = comparisons(records)
  const methods = all.flatMap((comparison) => [...allAttacks(comparison), ...boundReach(comparison)])
  const colours = chooseColours([...new Set(methods.map(({ method }) => method))])
  return all.flatMap((comparison) => renderComparison(comparison, colours))
}

function renderComparison(comparison: Comparison, colours: Colours): HtmlElement[] {
  const { norm, samples, limit, records } = comparison
  const about = `${norm}, ${formatCount(samples, 'sample')}${limit === undefined ? '' : `, fooled by ${limit}`}`
  const attacks = allAttacks(comparison)
  const bounds = boundReach(comparison)
  const largest = largestRadius(comparison, attacks, bounds)
  // At one radius there is a point, and no curve.
  const attacked = attacks.filter(({ radii }) => radii > 1).flatMap((attack) => attackCurve(attack, largest))
  const certified = bounds.flatMap((bound) => certifiedCurve(bound, largest))
  const points = attackPoints(records)
  // Other attacks stop at the first example that they find.
  const closest = attacks.filter(({ radii, values }) => radii === Number.POSITIVE_INFINITY && values.length > 0)
  const pairs = deviations(comparison)
  const curves: HtmlElement[] = []
  const spreads: HtmlElement[] = []
  if (largest > 0 && attacked.length + certified.length > 0) {
    curves.push(
      figure(
        'Fooling ratio against ε',
        about,
        'Line: samples that no adversarial example within ε was found for, with its 95 % band. Area: samples certified at ε. The truth lies between. Dot: a check at one ε.',
        sandwichChart({ attacks: attacked, certified, points, largest }, colours, norm),
        curveTable([...attacked, ...certified, ...points]),
      ),
    )
  }
  if (closest.length > 0) {
    spreads.push(
      figure(
        'Distances of the adversarial examples',
        about,
        'The closest one of each fooled sample.',
        distanceChart(closest, colours, norm),
        quartileTable(closest.map(({ method, values }) => [method, values])),
      ),
    )
  }
  if (pairs.length > 0) {
    spreads.push(
      figure(
        'Deviation of bounds and attacks',
        about,
        'Distance of the adversarial example − certified radius of each sample: extremes, quartiles and median. Below 0 the bound is wrong.',
        deviationChart(
          pairs.flatMap(({ pair, values }) => values.map((deviation) => ({ pair, deviation }))),
          norm,
        ),
        quartileTable(pairs.map(({ pair, values }) => [pair, values])),
      ),
    )
  }
  return spreads.length === 0 ? curves : [...curves, element('div', {}, ...spreads)]
}

/** With those that bounds were checked with. */
function allAttacks(comparison: Comparison): Reach[] {
  const challengers = challengerReach(comparison).map((reach) => ({ ...reach, method: `attacks on ${reach.method}` }))
  return [...attackReach(comparison), ...challengers]
}

/** @param about What is compared, where a model has several charts of a kind. */
export function figure(
  title: string,
  about: string,
  caption: string,
  chart: HtmlElement,
  figures: HtmlElement,
): HtmlElement {
  return element(
    'figure',
    {},
    element('figcaption', {}, element('strong', {}, title, ' ', element('small', {}, about)), caption),
    element(
      'div',
      { role: 'img', 'aria-label': `${title}, ${about}. The figures follow as a table.` },
      element('div', { 'aria-hidden': 'true' }, chart),
    ),
    element('details', {}, element('summary', {}, 'Figures'), scrollable(`${title}, ${about}: figures`, figures)),
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
