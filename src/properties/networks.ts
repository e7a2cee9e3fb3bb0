import * as fc from 'fast-check'
import { refuseUnknown, settingsOf } from '../arguments.js'
import { type Activation, activations, type Network, type NetworkLayer } from './network.js'

type LayerKind = Exclude<NetworkLayer['layer'], 'dense' | 'activation'> | Activation

export interface NetworkSettings {
  /** `vector`: layers are dense. `image`: inputs have channels, height and width. Default: either. */
  readonly inputs?: 'vector' | 'image'
  /** What may stand between the input and the last dense layer, besides dense layers. Default: everything. */
  readonly layers?: readonly LayerKind[]
  /** Most layers before the last one. Default 4. */
  readonly depth?: number
  /** Most features of a vector, most units of a dense layer. Default 4. */
  readonly width?: number
  /** Largest magnitude of a weight. Default 3. */
  readonly largestWeight?: number
  /** Weights are multiples of it. Default: whole numbers, multiples of 1/64 and any float32 numbers. */
  readonly weightStep?: number
}

const kinds: readonly LayerKind[] = [
  ...activations,
  'convolution',
  'pool',
  'batch normalization',
  'local response normalization',
]

/**
 * Random networks for properties of bounds: small, with weights that are often whole numbers, zero or all alike, and with
 * the degenerate cases that break formulas: rows of zeros, equal rows, units that are never active, windows that overlap
 * or leave gaps. Most activations come behind a layer with weights. They shrink to fewer layers, fewer units and simpler
 * weights.
 */
export function networks(settings: NetworkSettings = {}): fc.Arbitrary<Network> {
  const {
    inputs,
    layers = kinds,
    depth = 4,
    width = 4,
    largestWeight = 3,
    weightStep,
    ...others
  } = settingsOf('networks', settings, "{ inputs: 'image' }")
  refuseUnknown('networks', others)
  const multiples = (step: number) => {
    const most = Math.floor(largestWeight / step)
    return fc.integer({ min: -most, max: most }).map((count) => count * step)
  }
  const any = fc.double({ min: -largestWeight, max: largestWeight, noNaN: true }).map(Math.fround)
  const weight = weightStep
    ? multiples(weightStep)
    : fc.oneof({ withCrossShrink: true }, multiples(1), multiples(1 / 64), any)
  // Formulas that are loose for many units are closest to being wrong for one or two.
  const upTo = (most: number, few: number) =>
    fc.oneof(
      { withCrossShrink: true },
      fc.integer({ min: 1, max: Math.min(few, most) }),
      fc.integer({ min: 1, max: most }),
    )
  const size = upTo(width, 2)
  const feeding = layers.includes('convolution') ? (['dense', 'convolution'] as const) : (['dense'] as const)
  const plan = fc.record({
    kind: fc.constantFrom<LayerKind | 'dense'>('dense', ...layers, ...layers),
    feeding: fc.constantFrom('none' as const, ...feeding, ...feeding),
    units: size,
    // Windows of more than one element that overlap are the usual ones.
    kernel: fc.constantFrom(1, 2, 2, 3, 3),
    stride: fc.constantFrom(1, 1, 1, 2, 3),
    padding: fc.integer({ min: 0, max: 1 }),
    dilation: fc.integer({ min: 1, max: 2 }),
    grouped: fc.boolean(),
    operator: fc.constantFrom('MaxPool' as const, 'AveragePool' as const, 'LpPool' as const),
    alpha: fc.constantFrom(0.5, 0.01, 0.0001),
    // All alike, an operator with overlapping windows has a norm far from that of its kernel.
    weights: fc.oneof(
      { withCrossShrink: true },
      weight.map((only) => [only]),
      fc.array(weight, { minLength: 1, maxLength: 24 }),
    ),
    bias: fc.array(weight, { minLength: 1, maxLength: 4 }),
    degenerate: fc.constantFrom('none', 'none', 'none', 'row of zeros', 'equal rows', 'dead unit'),
  })
  return fc
    .record({
      image: inputs === undefined ? fc.boolean() : fc.constant(inputs === 'image'),
      features: size,
      channels: upTo(2, 1),
      height: upTo(6, 3),
      width: upTo(6, 3),
      hidden: fc.oneof({ withCrossShrink: true }, fc.array(plan, { maxLength: depth }), {
        arbitrary: fc.array(plan, { minLength: Math.min(1, depth), maxLength: depth }),
        weight: 3,
      }),
      last: fc.record({ plan, constant: fc.boolean() }).map(({ plan: last, constant }) => {
        // A class whose logit is its bias: all the others do alone decides.
        return constant ? { ...last, degenerate: 'row of zeros' } : last
      }),
      classes: fc.integer({ min: 2, max: 3 }),
    })
    .map((recipe) => buildNetwork(recipe, depth))
}

interface LayerPlan {
  readonly kind: LayerKind | 'dense'
  /** What an activation gets before it. */
  readonly feeding: 'none' | 'dense' | 'convolution'
  readonly units: number
  readonly kernel: number
  readonly stride: number
  readonly padding: number
  readonly dilation: number
  readonly grouped: boolean
  readonly operator: 'MaxPool' | 'AveragePool' | 'LpPool'
  /** Of local response normalisation: from strong to almost none. */
  readonly alpha: number
  /** Used in turn, from the start again when they are used up. */
  readonly weights: readonly number[]
  readonly bias: readonly number[]
  readonly degenerate: string
}

interface NetworkPlan {
  readonly image: boolean
  readonly features: number
  readonly channels: number
  readonly height: number
  readonly width: number
  readonly hidden: readonly LayerPlan[]
  readonly last: LayerPlan
  readonly classes: number
}

/** Leaves out the layers that do not fit the shape they would get, and those beyond the depth. */
function buildNetwork(recipe: NetworkPlan, depth: number): Network {
  const { image, features, channels, height, width, hidden, last, classes } = recipe
  const inputShape = image ? [channels, height, width] : [features]
  const layers: NetworkLayer[] = []
  let shape = inputShape
  for (const plan of hidden.flatMap(withFeeding)) {
    const next = buildLayer(plan, shape)
    if (!next || layers.length === depth) continue
    layers.push(next.layer)
    shape = next.shape
  }
  layers.push(dense({ ...last, units: classes }, shape))
  return { inputShape, layers }
}

function withFeeding(plan: LayerPlan): LayerPlan[] {
  const isActivation = (activations as readonly string[]).includes(plan.kind)
  return isActivation && plan.feeding !== 'none' ? [{ ...plan, kind: plan.feeding }, plan] : [plan]
}

function buildLayer(plan: LayerPlan, shape: readonly number[]): { layer: NetworkLayer; shape: number[] } | undefined {
  const { kind, units, kernel, stride, padding, dilation } = plan
  const [channels, ...sides] = shape
  const isImage = shape.length === 3
  switch (kind) {
    case 'dense':
      return { layer: dense(plan, shape), shape: [units] }
    case 'convolution': {
      if (!isImage) return undefined
      const groups = plan.grouped ? channels : 1
      const outputs = groups * Math.min(units, 2)
      // A row of pixels gets a kernel of one row.
      const kernels = sides.map((side) => (dilation * (kernel - 1) < side + 2 * padding ? Math.min(kernel, side) : 1))
      const weights = fill<number[][][][]>([outputs, channels / groups, ...kernels], plan.weights)
      const bias = fill<number[]>([outputs], plan.bias)
      const extents = kernels.map((size) => dilation * (size - 1) + 1)
      return {
        layer: { layer: 'convolution', weights, bias, stride, padding, dilation, groups },
        shape: [outputs, ...sides.map((side, axis) => windowCount(side, extents[axis], stride, padding))],
      }
    }
    case 'pool': {
      // A window of padding alone would have no maximum.
      const pad = Math.min(padding, kernel - 1)
      if (!isImage || sides.some((side) => side + 2 * pad < kernel)) return undefined
      return {
        layer: { layer: 'pool', operator: plan.operator, kernel, stride, padding: pad },
        shape: [channels, ...sides.map((side) => windowCount(side, kernel, stride, pad))],
      }
    }
    case 'batch normalization': {
      const variance = fill([channels], plan.weights).map((value) => value * value + 0.5)
      const [scale, bias, mean] = [plan.weights, plan.bias, plan.bias].map((values) => fill([channels], values))
      return { layer: { layer: kind, scale, bias, mean, variance }, shape: [...shape] }
    }
    case 'local response normalization':
      if (!isImage) return undefined
      return { layer: { layer: kind, size: 2 * kernel - 1, alpha: plan.alpha, beta: 0.75, bias: 1 }, shape: [...shape] }
    default:
      return { layer: { layer: 'activation', operator: kind }, shape: [...shape] }
  }
}

function windowCount(side: number, extent: number, stride: number, padding: number): number {
  return Math.floor((side + 2 * padding - extent) / stride) + 1
}

function dense({ units, weights, bias, degenerate }: LayerPlan, shape: readonly number[]): NetworkLayer {
  const features = shape.reduce((product, size) => product * size, 1)
  const rows = fill<number[][]>([units, features], weights)
  const biases = fill<number[]>([units], bias)
  if (degenerate === 'row of zeros') rows[0].fill(0)
  if (degenerate === 'equal rows' && units > 1) rows[1] = [...rows[0]]
  // Inputs are small: this unit is inactive in their neighbourhood.
  if (degenerate === 'dead unit') biases[0] = -100
  return { layer: 'dense', weights: rows, bias: biases }
}

/** Nested lists of the given shape. */
function fill<List = never[]>([size, ...rest]: readonly number[], values: readonly number[], start = 0): List {
  const step = rest.reduce((product, inner) => product * inner, 1)
  return Array.from({ length: size }, (_, index) =>
    rest.length === 0 ? values[(start + index) % values.length] : fill(rest, values, start + index * step),
  ) as List
}
