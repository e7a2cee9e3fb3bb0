import { afterAll, describe, expect, test } from 'vitest'
import { engine } from '../../src/engine/engine.js'
import { float, GraphBuilder, type Precision } from '../../src/graph/builder.js'
import { ruleContext } from '../../src/passes/context.js'
import { declareInputs, emitForward } from '../../src/passes/forward.js'
import { type RandomSource, randomSource } from '../../src/sampling/random.js'
import { seed } from '../seed.js'
import { type ComputedLines, computeLines, operatorGraph } from './lines.js'

afterAll(() => engine.close())

type Range = readonly [number, number]

interface Curve {
  build(builder: GraphBuilder, input: string): string
  /** Where the function is defined; everywhere by default. */
  readonly domain?: Range
  /** Largest magnitude of the inputs, where the function soon overflows. */
  readonly largest?: number
  /** Places of interest: ranges end there as well. */
  readonly corners?: readonly number[]
}

const power = (exponent: number) => (builder: GraphBuilder, input: string) =>
  builder.add('Pow', [input, builder.scalar(exponent)])
const positive: Range = [1e-3, 1e4]

const curves: Record<string, Curve> = {
  Clip: {
    build: (builder, input) => builder.add('Clip', [input, builder.scalar(0), builder.scalar(6)]),
    corners: [0, 6],
  },
  'Clip from above': { build: (builder, input) => builder.add('Clip', [input, '', builder.scalar(1)]), corners: [1] },
  'Clip from below': { build: (builder, input) => builder.add('Clip', [input, builder.scalar(-1)]), corners: [-1] },
  Abs: { build: (builder, input) => builder.add('Abs', [input]), corners: [0] },
  HardSigmoid: { build: (builder, input) => builder.add('HardSigmoid', [input]), corners: [-2.5, 2.5] },
  'HardSigmoid with attributes': {
    build: (builder, input) => builder.add('HardSigmoid', [input], { alpha: float(1.7), beta: float(-3) }),
    corners: [3 / 1.7, 4 / 1.7],
  },
  HardSwish: { build: (builder, input) => builder.add('HardSwish', [input]), corners: [-3, -1.5, 3] },
  Gelu: { build: (builder, input) => builder.add('Gelu', [input]), corners: [-Math.SQRT2, -0.75, Math.SQRT2] },
  'Gelu by tanh': {
    build: (builder, input) => builder.add('Gelu', [input], { approximate: 'tanh' }),
    corners: [-1.4185, -0.75, 1.4185],
  },
  Erf: { build: (builder, input) => builder.add('Erf', [input]), corners: [0] },
  Exp: { build: (builder, input) => builder.add('Exp', [input]), largest: 30 },
  Softplus: { build: (builder, input) => builder.add('Softplus', [input]) },
  Elu: { build: (builder, input) => builder.add('Elu', [input]), corners: [0] },
  'Elu with alpha': { build: (builder, input) => builder.add('Elu', [input], { alpha: float(0.3) }), corners: [0] },
  Log: { build: (builder, input) => builder.add('Log', [input]), domain: positive },
  Sqrt: { build: (builder, input) => builder.add('Sqrt', [input]), domain: [0, 1e4] },
  'Pow 2': { build: power(2), corners: [0] },
  'Pow 4': { build: power(4), corners: [0], largest: 1e3 },
  'Pow 3': { build: power(3), corners: [0] },
  'Pow 5': { build: power(5), corners: [0], largest: 1e3 },
  'Pow 3 of positive numbers': { build: power(3), domain: positive },
  'Pow 0.5': { build: power(0.5), domain: [0, 1e4] },
  'Pow -1.5': { build: power(-1.5), domain: positive },
}

const samplesPerRange = 400

describe.each(Object.entries(curves))('%s', (_name, curve) => {
  const ranges = randomRanges(curve, randomSource(seed))

  test.each(['float32', 'float64'] as const)(
    'the lines hold for what the model computes in float32, bounded in %s',
    async (precision) => {
      const computed = await computeLines(curve.build, ranges, { rounding: 'covered', precision })
      const points = Float32Array.from(samplePoints(ranges, curve))
      const outputs = await evaluate(curve, 'float32', points)
      ranges.forEach((range, index) => {
        for (let sample = 0; sample < samplesPerRange; sample++) {
          const at = index * samplesPerRange + sample
          expectBetween(computed, index, points[at], outputs[at], 0, range)
        }
      })
    },
  )

  test('without rounding the lines hold and are as near to the function in the middle as lines can be', async () => {
    const computed = await computeLines(curve.build, ranges, { rounding: 'ignored', precision: 'float64' })
    const points = Float64Array.from(samplePoints(ranges, curve))
    const outputs = await evaluate(curve, 'float64', points)
    ranges.forEach((range, index) => {
      const from = index * samplesPerRange
      const xs = points.subarray(from, from + samplesPerRange)
      const ys = outputs.subarray(from, from + samplesPerRange)
      const size = ys.reduce((most, y) => Math.max(most, Math.abs(y)), 0)
      xs.forEach((x, sample) => {
        expectBetween(computed, index, x, ys[sample], 1e-9 * size + 1e-9, range)
      })
      // How far the values spread is what a constant would be off by.
      const spread = Math.max(...ys) - Math.min(...ys)
      const middle = range[0] / 2 + range[1] / 2
      const tolerance = 2e-3 * spread + 1e-9 * size + 1e-9
      const above = computed.upper.intercept[index] + computed.upper.slope[index] * middle
      const below = computed.lower.intercept[index] + computed.lower.slope[index] * middle
      expect(above - hullAt(middle, xs, ys, 1), `above in [${range}]`).toBeLessThanOrEqual(tolerance)
      expect(hullAt(middle, xs, ys, -1) - below, `below in [${range}]`).toBeLessThanOrEqual(tolerance)
      expect(computed.bounds.upper[index] - Math.max(...ys)).toBeLessThanOrEqual(tolerance)
      expect(Math.min(...ys) - computed.bounds.lower[index]).toBeLessThanOrEqual(tolerance)
    })
  })

  test('covering the rounding costs little', async () => {
    const covered = await computeLines(curve.build, ranges, { rounding: 'covered', precision: 'float32' })
    ranges.forEach((range, index) => {
      const middle = range[0] / 2 + range[1] / 2
      const at = (line: { slope: Float64Array; intercept: Float64Array }) =>
        line.intercept[index] + line.slope[index] * middle
      const gap = at(covered.upper) - at(covered.lower)
      const { lower, upper } = covered.bounds
      const size = Math.max(Math.abs(lower[index]), Math.abs(upper[index]), ...range.map(Math.abs), 1)
      // Lines that cross the middle of the range are never further apart than the bounds.
      expect(gap).toBeLessThanOrEqual((upper[index] - lower[index]) * 1.001 + 5e-5 * size)
    })
  })
})

function expectBetween(
  { bounds, lower, upper, flattest = lower, steepest = lower }: ComputedLines,
  index: number,
  x: number,
  y: number,
  tolerance: number,
  range: Range,
): void {
  const value = (line: { slope: Float64Array; intercept: Float64Array }) =>
    line.intercept[index] + line.slope[index] * x
  const most = Math.min(bounds.upper[index], value(upper)) + tolerance
  const least = Math.max(bounds.lower[index], ...[lower, flattest, steepest].map(value)) - tolerance
  if (!(least <= y && y <= most)) {
    expect.fail(
      `σ(${x}) = ${y} is not in [${bounds.lower[index]}, ${bounds.upper[index]}] or between the lines ` +
        `${value(lower)} and ${value(upper)} of the range [${range}]; slopes ${lower.slope[index]}, ${upper.slope[index]}`,
    )
  }
}

/** Narrow and wide, far and near, one-sided, of one point, and with ends where the function changes. */
function randomRanges({ domain, largest = 1e5, corners = [0] }: Curve, random: RandomSource): Range[] {
  const [least, most] = domain ?? [-largest, largest]
  const inside = (x: number) => Math.fround(Math.min(Math.max(x, least), most))
  const size = () => 10 ** (7 * random.uniform() - 4)
  const place = () => inside(random.uniform() < 0.7 ? 4 * random.normal() : random.normal() * size())
  const ranges: Range[] = [[inside(1), inside(1)]]
  for (let count = 0; count < 150; count++) {
    const centre = random.uniform() < 0.2 ? corners[count % corners.length] : place()
    const ends = [inside(centre - size() * random.uniform()), inside(centre + size() * random.uniform())]
    ranges.push([Math.min(...ends), Math.max(...ends)])
  }
  for (const corner of corners.map(inside)) {
    ranges.push([corner, corner], [corner, inside(corner + size())], [inside(corner - size()), corner])
  }
  for (let count = 0; count < 60; count++) {
    const ends = [place(), place()]
    ranges.push([Math.min(...ends), Math.max(...ends)])
  }
  ranges.push([inside(-largest), inside(largest)], [inside(0), inside(1e-30)], [inside(-1e-30), inside(1e-30)])
  return ranges
}

/** Of each range even points, its ends, its middle, the corners, and even points of the part where most functions bend. */
function samplePoints(ranges: readonly Range[], { corners = [0] }: Curve): number[] {
  return ranges.flatMap(([low, high]) => {
    const inside = (x: number) => Math.min(Math.max(Math.fround(x), low), high)
    const special = [low, high, low / 2 + high / 2, ...corners].map(inside)
    return Array.from({ length: samplesPerRange }, (_, sample) => {
      const share = (sample >> 1) / (samplesPerRange / 2 - 1)
      return special[sample] ?? inside(sample % 2 === 0 ? low + (high - low) * share : -8 + 16 * share)
    })
  })
}

async function evaluate(curve: Curve, precision: Precision, data: Float32Array | Float64Array): Promise<Float64Array> {
  const graph = await operatorGraph(curve.build)
  const builder = new GraphBuilder(graph.opset, precision)
  declareInputs(graph, builder)
  builder.output('result', emitForward(graph, ruleContext(graph, builder)).get(graph.outputs[0].name)!)
  const session = await engine.createSession(builder.build())
  try {
    const { result } = await session.run({
      [graph.inputs[0].name]: { type: precision, shape: [data.length, 1], data },
    })
    return Float64Array.from(result.data as Float64Array)
  } finally {
    await session.release()
  }
}

/** The concave hull of the points (direction 1) or the convex one (−1) at `x`: the least that a line above them has there. */
function hullAt(x: number, xs: Float64Array, ys: Float64Array, direction: 1 | -1): number {
  let best = Number.NEGATIVE_INFINITY
  const left: number[] = []
  const right: number[] = []
  xs.forEach((point, index) => (point <= x ? left : right).push(index))
  for (const from of left) {
    if (xs[from] === x) best = Math.max(best, direction * ys[from])
    for (const to of right) {
      const share = (x - xs[from]) / (xs[to] - xs[from])
      best = Math.max(best, direction * (ys[from] + share * (ys[to] - ys[from])))
    }
  }
  return direction * best
}
