import type { RecordedCheck } from '../../src/checks/evidence.js'
import { formatCount, formatPercent } from '../../src/format.js'
import { type Distribution, describeDistribution } from '../../src/statistics/distribution.js'
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
        distributionTable(closest.map(({ method, values }) => ({ name: method, ...describeDistribution(values) }))),
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
          pairs.flatMap(({ pair, deviations }) =>
            Array.from(deviations.filter(Number.isFinite), (deviation) => ({ pair, deviation })),
          ),
          norm,
        ),
        distributionTable(
          pairs.map(({ pair, deviation, relativeGap, violations }) => ({
            name: pair,
            ...deviation,
            others: [formatPercent(relativeGap.median), String(violations)],
          })),
          ['median share of the distance', 'violations'],
        ),
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

function distributionTable(
  rows: readonly (Distribution & { readonly name: string; readonly others?: readonly string[] })[],
  others: readonly string[] = [],
): HtmlElement {
  const figures = [
    'mean',
    'standardDeviation',
    'smallest',
    'lowerQuartile',
    'median',
    'upperQuartile',
    'largest',
  ] as const
  const head = ['mean', 'standard deviation', 'smallest', 'lower quartile', 'median', 'upper quartile', 'largest']
  return table(
    'Distribution',
    ['method', 'samples', ...head, ...others],
    rows.map((row) => [
      row.name,
      String(row.count),
      ...figures.map((figure) => (Number.isNaN(row[figure]) ? '' : short(row[figure]))),
      ...(row.others ?? []),
    ]),
  )
}
