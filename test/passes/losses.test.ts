import { describe, expect, test } from 'vitest'
import { engine } from '../../src/engine/engine.js'
import { GraphBuilder, type Precision } from '../../src/graph/builder.js'
import { emitLoss, type LossName } from '../../src/passes/losses.js'
import { randomSource } from '../../src/sampling/random.js'
import { seed } from '../seed.js'

interface Losses {
  readonly value: number[]
  readonly gradient: number[][]
}

async function emitted(
  loss: LossName,
  logits: readonly (readonly number[])[],
  labels: readonly number[],
  precision: Precision,
): Promise<Losses> {
  const classes = logits[0].length
  const builder = new GraphBuilder(18, precision)
  builder.input('logits', precision, ['rows', classes])
  builder.input('labels', 'int64', ['rows'])
  const { value, gradient } = emitLoss(builder, loss, 'logits', 'labels', classes)
  builder.output('value', value)
  builder.output('gradient', gradient)
  const session = await engine.createSession(builder.build())
  try {
    const data = precision === 'float32' ? Float32Array.from(logits.flat()) : Float64Array.from(logits.flat())
    const results = await session.run({
      logits: { type: precision, shape: [logits.length, classes], data },
      labels: { type: 'int64', shape: [labels.length], data: BigInt64Array.from(labels, BigInt) },
    })
    expect(results.value.shape).toEqual([labels.length])
    const flat = Array.from(results.gradient.data as Float64Array)
    return {
      value: Array.from(results.value.data as Float64Array),
      gradient: labels.map((_, row) => flat.slice(row * classes, (row + 1) * classes)),
    }
  } finally {
    await session.release()
  }
}

const formulas: Record<LossName, (logits: readonly number[], label: number) => { value: number; gradient: number[] }> =
  {
    'cross-entropy': (logits, label) => {
      const ratios = logits.map((logit) => Math.exp(logit - logits[label]))
      const others = ratios.reduce((sum, ratio, index) => (index === label ? sum : sum + ratio), 0)
      const gradient = ratios.map((ratio, index) => (index === label ? -others : ratio) / (1 + others))
      return { value: Math.log1p(others), gradient }
    },
    margin: (logits, label) => {
      const others = logits.map((logit, index) => (index === label ? Number.NEGATIVE_INFINITY : logit))
      const rival = others.indexOf(Math.max(...others))
      const gradient = logits.map((_, index) => Number(index === label) - Number(index === rival))
      return { value: logits[label] - logits[rival], gradient }
    },
    dlr: (logits, label) => {
      const { value: margin, gradient: ofMargin } = formulas.margin(logits, label)
      const order = [...logits.keys()].sort((left, right) => logits[right] - logits[left])
      const spread = logits[order[0]] - logits[order[2]]
      const ofSpread = logits.map((_, index) => Number(index === order[0]) - Number(index === order[2]))
      const gradient = logits.map((_, index) => (-ofMargin[index] + (margin / spread) * ofSpread[index]) / spread)
      return { value: -margin / spread, gradient }
    },
    'targeted-dlr': (logits, label) => {
      const { value: margin, gradient: ofMargin } = formulas.margin(logits, label)
      const order = [...logits.keys()].sort((left, right) => logits[right] - logits[left])
      const weights = logits.map((_, index) => [1, 0, -0.5, -0.5][order.indexOf(index)] ?? 0)
      const spread = logits.reduce((sum, logit, index) => sum + weights[index] * logit, 0)
      const gradient = logits.map((_, index) => (ofMargin[index] - (margin / spread) * weights[index]) / spread)
      return { value: margin / spread, gradient }
    },
    logit: (logits, label) => ({
      value: logits[label],
      gradient: logits.map((_, index) => Number(index === label)),
    }),
  }

const names = Object.keys(formulas) as LossName[]

/** Confident in the right class and in a wrong one, and everything between. */
function cases() {
  const random = randomSource(seed)
  const spreads = [0, 0.1, 1, 5, 20, 50]
  return spreads.flatMap((spread) =>
    [1, -1].map((sign) => {
      const label = Math.floor(10 * random.uniform())
      const logits = Array.from({ length: 10 }, () => Math.fround(random.normal()))
      logits[label] = Math.fround(logits[label] + sign * spread)
      return { logits, label }
    }),
  )
}

describe.for(names)('%s', (loss) => {
  test.for<[Precision, number]>([
    ['float32', 1e-5],
    ['float64', 1e-12],
  ])('agrees with its formula in %s, element by element', async ([precision, tolerance]) => {
    const rows = cases()
    const { value, gradient } = await emitted(
      loss,
      rows.map(({ logits }) => logits),
      rows.map(({ label }) => label),
      precision,
    )
    rows.forEach(({ logits, label }, row) => {
      const expected = formulas[loss](logits, label)
      expectRelative(value[row], expected.value, tolerance)
      // A ratio's derivative is a difference: accurate in proportion to the largest one.
      const largest = Math.max(...expected.gradient.map(Math.abs))
      expected.gradient.forEach((element, index) => {
        expectRelative(gradient[row][index], element, tolerance, loss.endsWith('dlr') ? largest : Math.abs(element))
      })
    })
  })
})

function expectRelative(actual: number, expected: number, tolerance: number, scale = Math.abs(expected)): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(tolerance * scale)
}

test('the rival of a margin is the first of equal classes', async () => {
  const { value, gradient } = await emitted(
    'margin',
    [
      [2, 1, 2, 2],
      [3, 3, 3, 0],
    ],
    [2, 0],
    'float32',
  )
  expect(value).toEqual([0, 0])
  expect(gradient).toEqual([
    [-1, 0, 1, 0],
    [1, -1, 0, 0],
  ])
})

test.each([
  ['dlr', 'two classes: minus the margin', [3, 1], -2, [-1, 1]],
  ['dlr', 'three classes', [3, 1, -1], -0.5, [-0.125, 0.25, -0.125]],
  ['dlr', 'three classes, misclassified', [1, 3, -1], 0.5, [-0.25, 0.125, 0.125]],
  ['targeted-dlr', 'two classes: the margin', [1, 3], -2, [1, -1]],
  ['targeted-dlr', 'three classes: the margin', [1, 3, -1], -2, [1, -1, 0]],
  ['targeted-dlr', 'four classes', [1, 3, -1, -1], -0.5, [0.25, -0.125, -0.0625, -0.0625]],
] as const)('%s of %s', async (loss, _, logits, value, gradient) => {
  expect(await emitted(loss, [logits], [0], 'float64')).toEqual({ value: [value], gradient: [gradient] })
})

test('the difference of logits ratio stays finite where the largest logits are equal', async () => {
  const { value, gradient } = await emitted('dlr', [[2, 2, 2, 1]], [0], 'float32')
  expect(value[0]).toBeCloseTo(0)
  expect(gradient[0].every(Number.isFinite)).toBe(true)
})

test('a gap that softmax cannot represent leaves zeros, not NaN', async () => {
  const { value, gradient } = await emitted(
    'cross-entropy',
    [
      [500, -500],
      [500, -500],
    ],
    [0, 1],
    'float32',
  )
  expect(value).toEqual([0, 1000])
  expect(gradient).toEqual([
    [0, 0],
    [1, -1],
  ])
})

test.for(names)('%s of no rows is empty', async (loss) => {
  const builder = new GraphBuilder(18)
  builder.input('logits', 'float32', ['rows', 3])
  builder.input('labels', 'int64', ['rows'])
  const { value, gradient } = emitLoss(builder, loss, 'logits', 'labels', 3)
  builder.output('value', value)
  builder.output('gradient', gradient)
  const session = await engine.createSession(builder.build())
  const results = await session.run({
    logits: { type: 'float32', shape: [0, 3], data: new Float32Array() },
    labels: { type: 'int64', shape: [0], data: new BigInt64Array() },
  })
  await session.release()
  expect(results.value.shape).toEqual([0])
  expect(results.gradient.shape).toEqual([0, 3])
})
