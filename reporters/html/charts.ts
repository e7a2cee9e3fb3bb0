import * as Plot from '@observablehq/plot'
import type { AttackNorm } from '../../src/geometry/norm.js'
import type { Reach } from './comparison.js'
import type { CurvePoint } from './curves.js'
import { document, type HtmlElement } from './element.js'

/** Wide enough to read on a telephone without scaling the letters down. */
const common = { document: document as Plot.PlotOptions['document'], width: 440, style: { fontSize: '12px' } }

/** Colours by method: the same in all charts of a model. */
export type Colours = ReadonlyMap<string, string>

export function chooseColours(methods: readonly string[]): Colours {
  const scale = Plot.scale({ color: { type: 'categorical', domain: methods } })
  return new Map(methods.map((method) => [method, scale.apply(method)]))
}

interface Sandwich {
  readonly attacks: readonly CurvePoint[]
  readonly certified: readonly CurvePoint[]
  /** Checks at one radius. */
  readonly points: readonly CurvePoint[]
  /** End of the axis. */
  readonly largest: number
}

/** The sandwich: the true share of robust samples lies between what is certified and what the attacks left standing. */
export function sandwichChart(
  { attacks, certified, points, largest }: Sandwich,
  colours: Colours,
  norm: AttackNorm,
): HtmlElement {
  const percent = (value: number) => String(Math.round(value))
  return Plot.plot({
    ...common,
    height: 320,
    marginLeft: 48,
    marginRight: 48,
    marginTop: 32,
    marginBottom: 42,
    x: { label: `ε (${norm})`, domain: [0, largest], insetRight: 8 },
    y: { domain: [0, 100], percent: true, grid: true },
    color: { ...pick(colours, [...attacks, ...certified, ...points]), legend: true },
    marks: [
      Plot.axisY({ label: 'robust samples (%)', tickFormat: percent, ticks: 5 }),
      Plot.axisY({
        anchor: 'right',
        label: 'fooling ratio (%)',
        labelArrow: 'down',
        tickFormat: (value: number) => percent(100 - value),
        ticks: 5,
      }),
      Plot.areaY(certified, {
        x: 'epsilon',
        y1: 0,
        y2: 'robust',
        fill: 'method',
        fillOpacity: 0.3,
        curve: 'step-before',
      }),
      Plot.lineY(certified.filter(isAboveZero), { x: 'epsilon', y: 'robust', stroke: 'method', curve: 'step-before' }),
      Plot.areaY(attacks, {
        x: 'epsilon',
        y1: 'low',
        y2: 'high',
        fill: 'method',
        fillOpacity: 0.15,
        curve: 'step-after',
      }),
      Plot.lineY(attacks, { x: 'epsilon', y: 'robust', stroke: 'method', strokeWidth: 2, curve: 'step-after' }),
      Plot.ruleX(points, { x: 'epsilon', y1: 'low', y2: 'high', stroke: 'method' }),
      Plot.dot(points, { x: 'epsilon', y: 'robust', fill: 'method', r: 4 }),
    ],
  })
}

/** How far the adversarial examples of each attack are away. */
export function distanceChart(attacks: readonly Reach[], colours: Colours, norm: AttackNorm): HtmlElement {
  const rows = attacks.flatMap(({ method, values }) => values.map((distance) => ({ method, distance })))
  const bars: Plot.BinXInputs<Plot.RectYOptions> = {
    x: { value: 'distance', thresholds: 30 },
    fy: 'method',
    fill: 'method',
    insetLeft: 1,
  }
  return Plot.plot({
    ...common,
    height: 64 + 60 * attacks.length,
    marginLeft: 130,
    marginBottom: 42,
    x: { label: `distance (${norm})` },
    y: { axis: null },
    fy: { label: null, domain: attacks.map(({ method }) => method) },
    color: pick(colours, attacks),
    marks: [
      Plot.axisFy({ anchor: 'left', lineWidth: 12, textOverflow: 'ellipsis' }),
      Plot.rectY(rows, Plot.binX({ y: 'count' }, bars)),
      Plot.ruleY([0]),
    ],
  })
}

/** Attack distance − certified radius by bound and attack: whiskers at the extremes, a box from quartile to quartile. */
export function deviationChart(
  rows: readonly { readonly pair: string; readonly deviation: number }[],
  norm: AttackNorm,
): HtmlElement {
  const pairs = [...new Set(rows.map(({ pair }) => pair))]
  const by = { x: 'deviation', y: 'pair' }
  return Plot.plot({
    ...common,
    height: 64 + 36 * pairs.length,
    marginLeft: 180,
    marginBottom: 42,
    x: { label: `attack distance − certified radius (${norm})`, grid: true },
    y: { label: null, domain: pairs },
    marks: [
      Plot.axisY({ lineWidth: 14, textOverflow: 'ellipsis' }),
      Plot.ruleX([0], { strokeDasharray: '3,3' }),
      Plot.ruleY(rows, Plot.groupY({ x1: 'min', x2: 'max' }, { ...by, x1: 'deviation', x2: 'deviation' })),
      Plot.barX(
        rows,
        Plot.groupY(
          { x1: 'p25', x2: 'p75' },
          {
            ...by,
            x1: 'deviation',
            x2: 'deviation',
            fill: 'currentColor',
            fillOpacity: 0.3,
            insetTop: 4,
            insetBottom: 4,
          },
        ),
      ),
      Plot.tickX(rows, Plot.groupY({ x: 'median' }, { ...by, strokeWidth: 2.5, insetTop: 4, insetBottom: 4 })),
    ],
  })
}

/** Which classes the fooled samples were taken for. */
export function confusionChart(
  cells: readonly { readonly label: number; readonly prediction: number; readonly count: number }[],
): HtmlElement {
  const classes = [...new Set(cells.flatMap(({ label, prediction }) => [label, prediction]))].sort((a, b) => a - b)
  const most = Math.max(...cells.map(({ count }) => count))
  return Plot.plot({
    ...common,
    height: Math.max(160, 64 + 24 * classes.length),
    marginLeft: 48,
    marginBottom: 42,
    x: { domain: classes, label: 'taken for', tickSize: 0 },
    y: { domain: classes, label: 'class', tickSize: 0 },
    color: { type: 'linear', scheme: 'blues', domain: [-most / 4, most] },
    marks: [
      Plot.cell(cells, { x: 'prediction', y: 'label', fill: 'count', inset: 0.5 }),
      Plot.text(cells, {
        x: 'prediction',
        y: 'label',
        text: (cell) => String(cell.count),
        fill: (cell) => (cell.count > most / 2 ? 'white' : 'black'),
      }),
    ],
  })
}

/** Or where the curve gets there: from there on it would hide the axis. */
function isAboveZero({ robust }: CurvePoint, index: number, points: readonly CurvePoint[]): boolean {
  return robust > 0 || points[index - 1]?.robust > 0
}

/** The colours of those methods that a chart shows. */
function pick(colours: Colours, shown: readonly { readonly method: string }[]): { domain: string[]; range: string[] } {
  const domain = [...new Set(shown.map(({ method }) => method))]
  return { domain, range: domain.map((method) => colours.get(method)!) }
}
