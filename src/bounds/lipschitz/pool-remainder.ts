import { type GraphBuilder, intTensor } from '../../graph/builder.js'
import { elementCount, type GraphNode } from '../../graph/graph.js'
import { sampleShape } from '../../operators/samples.js'
import { emitFromTaps, emitTaps } from '../../operators/taps.js'
import { windows } from '../../operators/windows.js'
import { poolGeometry } from './nonlinear-rules.js'
import { type Choice, emitChoice, emitReach, type Remainder, type RemainderContext } from './remainders.js'
import { haarDetails, type TileDetails } from './tile-details.js'
import { emitNarrow, emitWide, wideScalar } from './wide.js'

/** Where padding is: below all numbers that do not overflow. */
const nothing = -(2 ** 127)

/** What a choice of shares of each window, which add up to 1, leaves: float64 [samples, windows, elements of a window]. */
interface Candidate {
  readonly shares: string
  /** How far an element can move from what the shares say, by how far the window moves. */
  readonly spread: string
  /** The same at most. */
  readonly reach: string
  /** How far what the shares say is below the largest element at the sample, [samples, windows, 1]. */
  readonly below: string
}

/**
 * Of max pools: max(v + Δ) − max v − s·Δ is the largest Δᵢ − s·Δ − gᵢ, with gᵢ how far vᵢ is below the maximum. So negative
 * coefficients lose no more than |eᵢ − s| allows, less gᵢ, of the worst element. Positive ones lose s·g at most, for shares s
 * of the elements. `budget` [rows] is how far all windows move, measured by `details` where there are some.
 */
export function emitPoolRemainder(
  node: GraphNode,
  gradient: string,
  budget: string,
  details: TileDetails | undefined,
  context: RemainderContext,
): Remainder {
  const { builder } = context
  const geometry = poolGeometry(node, context)
  const { outputSizes, taps } = windows(geometry)
  const [channels] = sampleShape(node.inputs[0], node, context)
  const [inputs, outputs, elements] = [geometry.inputSizes, outputSizes, geometry.kernel].map(elementCount)
  const isInside = builder.constant({
    type: 'bool',
    shape: [outputs, elements],
    data: Uint8Array.from(taps, (tap) => Number(tap >= 0)),
  })
  const under = (value: string, missing: number) => {
    const flat = builder.add('Reshape', [emitWide(value, builder), builder.ints([0, channels, inputs])])
    const places = taps.map((tap) => Math.max(tap, 0))
    const picked = emitTaps(flat, 2, 3, places, [outputs, elements], builder)
    return builder.add('Where', [isInside, picked, wideScalar(missing, builder)])
  }
  const [input] = node.inputs
  const values = under(context.value(input), nothing)
  const gaps = emitGaps(values, builder)
  const reach = emitReach(input, (value) => under(value, 0), context)
  const spreadOf = (shares: string) => emitSpread(shares, details, context)
  const candidates = emitShares(values, elements, builder).map((shares) => {
    return emitCandidate(shares, spreadOf(shares), gaps, reach, builder)
  })
  const own = emitWide(builder.add('Reshape', [gradient, builder.ints([-1, channels * outputs, 1])]), builder)
  const laidOut = (value: string, width: number) =>
    context.rows(builder.add('Reshape', [value, builder.ints([-1, channels * outputs, width])]))
  const rowGaps = laidOut(gaps, elements)
  const perRow = candidates.map(({ shares, spread, reach, below }) => ({
    shares: laidOut(shares, elements),
    spread: laidOut(spread, elements),
    reach: laidOut(reach, elements),
    below: laidOut(below, 1),
  }))
  const rising = builder.add('Max', [own, wideScalar(0, builder)])
  const falling = builder.add('Max', [builder.add('Neg', [own]), wideScalar(0, builder)])
  const choose = (multiplier: string): Choice => {
    const best = perRow
      .map((candidate) => ({ ...candidate, cost: emitCost(candidate, rowGaps, rising, falling, multiplier, builder) }))
      .reduce((one, other) => {
        const isBetter = builder.add('Less', [other.cost, one.cost])
        const pick = (key: keyof typeof one) => builder.add('Where', [isBetter, other[key], one[key]])
        return {
          shares: pick('shares'),
          spread: pick('spread'),
          reach: pick('reach'),
          below: pick('below'),
          cost: pick('cost'),
        }
      })
    const weight = builder.add('Mul', [falling, best.spread])
    const missed = builder.add('Mul', [rising, best.below])
    return {
      slopes: best.shares,
      pieces: { weight, offset: builder.add('Mul', [falling, rowGaps]), reach: best.reach },
      lost: builder.add('ReduceSum', [missed, builder.ints([1, 2])], { keepdims: 0 }),
    }
  }
  const { slopes, fall } = emitChoice(choose, falling, budget, 4, context)
  const perWindow = builder.add('Reshape', [gradient, builder.ints([-1, channels * outputs, 1])])
  const perTap = builder.add('Mul', [perWindow, emitNarrow(slopes, builder)])
  const flat = builder.add('Reshape', [perTap, builder.ints([-1, channels, outputs * elements])])
  const summed = emitFromTaps(flat, 2, 3, taps, inputs, builder)
  return {
    gradient: builder.add('Reshape', [summed, builder.ints([-1, channels, ...geometry.inputSizes])]),
    fall,
  }
}

/** How far each element of a window is below the largest. */
function emitGaps(values: string, builder: GraphBuilder): string {
  return builder.add('Sub', [builder.add('ReduceMax', [values, builder.ints([3])], { keepdims: 1 }), values])
}

/** Equal shares of the largest few elements, those that are as large as the last of them included, and mixtures with the largest. */
function emitShares(values: string, elements: number, builder: GraphBuilder): string[] {
  const [sorted] = builder.addMany('TopK', [values, builder.ints([elements])], 2, { axis: 3 })
  const largest = (count: number) => {
    const last = builder.add('Gather', [sorted, builder.constant(intTensor([count - 1]))], { axis: 3 })
    const isAmong = builder.add('GreaterOrEqual', [values, last])
    const among = emitWide(isAmong, builder)
    const total = builder.add('ReduceSum', [among, builder.ints([3])], { keepdims: 1 })
    return builder.add('Div', [among, total])
  }
  const counts = [...new Set([elements, 4, 3, 2])].filter((count) => count > 1 && count <= elements)
  const means = counts.map(largest)
  const one = largest(1)
  const mixtures = means.flatMap((mean) =>
    [0.75, 0.5, 0.25].map((share) => {
      const parts = [mean, one].map((part, index) => {
        return builder.add('Mul', [part, wideScalar(index === 0 ? share : 1 - share, builder)])
      })
      return builder.add('Add', parts)
    }),
  )
  return [...means, ...mixtures, one]
}

/**
 * ‖eᵢ − s‖ in the norm that is dual to the one that the window is measured in. For tiles with details that is the norm of
 * the coefficients of the details over the roots of their shares.
 */
function emitSpread(shares: string, details: TileDetails | undefined, { norm, builder }: RemainderContext): string {
  const one = wideScalar(1, builder)
  const axis = builder.ints([3])
  const roomy = (value: string) =>
    builder.add('Add', [builder.add('Mul', [value, wideScalar(1 + 2 ** -40, builder)]), wideScalar(2 ** -40, builder)])
  if (details) {
    const width = haarDetails.length
    const wide = (data: ArrayLike<number>, shape: readonly number[]) =>
      builder.constant({ type: 'float64', shape, data: Float64Array.from(data) })
    const columns = wide(
      [0, 1, 2, 3].flatMap((element) => haarDetails.map((vector) => vector[element])),
      [4, width],
    )
    const mean = builder.add('Unsqueeze', [builder.add('MatMul', [shares, columns]), axis])
    const apart = builder.add('Sub', [columns, mean])
    const weights = wide(details.shares.map(Math.sqrt), [details.shares.length / width, 1, 1, width])
    const scaled = builder.add('Mul', [apart, weights])
    const squares = builder.add('ReduceSum', [builder.add('Mul', [scaled, scaled]), builder.ints([4])], { keepdims: 0 })
    return roomy(builder.add('Sqrt', [squares]))
  }
  const rest = builder.add('Sub', [one, shares])
  if (norm === 'linf') return roomy(builder.add('Mul', [rest, wideScalar(2, builder)]))
  if (norm === 'l1') {
    return roomy(builder.add('Max', [rest, builder.add('ReduceMax', [shares, axis], { keepdims: 1 })]))
  }
  const square = (value: string) => builder.add('Mul', [value, value])
  const all = builder.add('ReduceSum', [square(shares), axis], { keepdims: 1 })
  const others = builder.add('Max', [builder.add('Sub', [all, square(shares)]), wideScalar(0, builder)])
  return roomy(builder.add('Sqrt', [builder.add('Add', [square(rest), others])]))
}

function emitCandidate(
  shares: string,
  spread: string,
  gaps: string,
  { up, down }: { readonly up: string; readonly down: string },
  builder: GraphBuilder,
): Candidate {
  const axis = builder.ints([3])
  const times = (one: string, other: string) => builder.add('Mul', [one, other])
  const shared = times(shares, down)
  const total = builder.add('ReduceSum', [shared, axis], { keepdims: 1 })
  const others = builder.add('Sub', [times(total, wideScalar(1 + 2 ** -40, builder)), shared])
  const most = builder.add('Add', [times(builder.add('Sub', [wideScalar(1, builder), shares]), up), others])
  return {
    shares,
    spread,
    reach: builder.add('Div', [builder.add('Max', [most, wideScalar(0, builder)]), spread]),
    below: builder.add('ReduceSum', [times(shares, gaps), axis], { keepdims: 1 }),
  }
}

/** Of each window, [rows, windows, 1]. */
function emitCost(
  { spread, reach, below }: Candidate,
  gaps: string,
  rising: string,
  falling: string,
  multiplier: string,
  builder: GraphBuilder,
): string {
  const times = (...factors: string[]) => factors.reduce((product, factor) => builder.add('Mul', [product, factor]))
  const weight = times(falling, spread)
  const twice = builder.add('Max', [times(multiplier, wideScalar(2, builder)), wideScalar(1e-200, builder)])
  const z = builder.add('Min', [reach, builder.add('Div', [weight, twice])])
  const most = builder.add('Sub', [
    builder.add('Sub', [times(weight, z), times(falling, gaps)]),
    times(multiplier, z, z),
  ])
  const worst = builder.add('ReduceMax', [most, builder.ints([2])], { keepdims: 1 })
  const lost = builder.add('Max', [worst, wideScalar(0, builder)])
  return builder.add('Add', [lost, times(rising, below)])
}
