import { elementCount, featureShape, type TypedGraph } from '../graph/graph.js'
import { asNumber } from '../operators/element-type.js'
import type { Interval, IntervalContext } from '../operators/operator.js'
import { emitSplit, leastReach, leastSquare } from './ball-in-box.js'
import type { BallSettings } from './ball-settings.js'
import { ruleContext } from './context.js'
import { type Crop, cropAround } from './crop.js'
import { emitCropped } from './emit-crop.js'
import { dependenceOnInput, emitCoefficients, isLinearInInput, type Reach } from './linear-prefix.js'
import { emitIdentity } from './transposed-rows.js'

// Above this it takes too long to make the matrix of coefficients.
const largestMatrix = 2 ** 20

/** A box around each input and, where the norm is ℓ2, the ball in it: names in the built graph. */
export interface Surroundings {
  readonly centre: string
  readonly box: Interval
  /** One number per sample. */
  readonly radius?: string
}

/** Whether the interval graph takes a value that is linear in the input, over ball and box together, by {@link emitReachInBox}. */
export function hasReachInBox(graph: TypedGraph, value: string, { norm, domain }: BallSettings): boolean {
  return norm === 'l2' && domain === 'intersect' && hasCoefficientMatrix(graph, value)
}

/**
 * Whether a value is linear in the input, and the coefficients of all its elements, or of those at one position of a feature map,
 * make a matrix that is not too large.
 */
export function hasCoefficientMatrix(graph: TypedGraph, value: string): boolean {
  if (!isLinearInInput(value, graph)) return false
  const [inputs, outputs] = sizesOf(graph, value, alikePositions(graph, value))
  return inputs * outputs <= largestMatrix
}

/** Of several steps the later ones may see padding, so that positions differ. */
function alikePositions(graph: TypedGraph, value: string): Crop | undefined {
  return dependenceOnInput(graph, value) === 'linear' ? undefined : cropAround(graph, value)
}

/** Numbers of inputs and outputs of a value, or of what one position of it sees. */
function sizesOf(graph: TypedGraph, value: string, crop: Crop | undefined): [inputs: number, outputs: number] {
  const { inputs, values } = crop?.graph ?? graph
  const size = (name: string) => elementCount(featureShape(values.get(name)!.shape)!)
  return [size(inputs[0].name), size(value)]
}

/**
 * How far a value with a {@link hasCoefficientMatrix} may go from where it is at the centre, rounded up. All summands have one sign,
 * so that products with the matrix of coefficients and that of their squares give all of it.
 */
export function emitReachInBox(value: string, { centre, box, radius }: Surroundings, context: IntervalContext): Reach {
  const { builder, graph, rounding } = context
  const [{ name: input }] = graph.inputs
  const crop = alikePositions(graph, value)
  const [count, outputs] = sizesOf(graph, value, crop)
  const [inputShape, shape] = [input, value].map((name) => featureShape(context.shape(name))!)
  const scalar = (number: number) => builder.scalar(number)
  const analysed = crop ? ruleContext(crop.graph, builder) : context
  const identity = emitIdentity(outputs, featureShape(analysed.shape(value))!, builder)
  const coefficients = builder.add('Transpose', [emitCoefficients(value, identity, analysed)], { perm: [1, 0] })
  const positive = builder.add('Relu', [coefficients])
  const sizes = builder.add('Concat', [positive, builder.add('Sub', [positive, coefficients])], { axis: 0 })
  // onnxruntime is slow where numbers are subnormal. What this takes away is less than what is added to the sum.
  const squares = builder.add('Relu', [
    builder.add('Sub', [builder.add('Mul', [sizes, sizes]), scalar(leastSquare * 2 ** -22)]),
  ])

  const flat = (sliced: string) =>
    crop
      ? emitCropped(sliced, input, [count], crop, graph, builder)
      : builder.add('Reshape', [sliced, builder.ints([-1, count])])
  /** Sums over positive coefficients times `first` and sizes of negative ones times `second`. */
  const sums = (first: string, second: string, matrix: string) => {
    const rows = builder.add('MatMul', [builder.add('Concat', [flat(first), flat(second)], { axis: 1 }), matrix])
    if (!crop) return builder.add('Reshape', [rows, builder.ints([-1, ...shape])])
    const byPosition = builder.add('Reshape', [rows, builder.ints([-1, crop.positions, outputs])])
    const byChannel = builder.add('Transpose', [byPosition], { perm: [0, 2, 1] })
    return builder.add('Reshape', [byChannel, builder.ints([-1, ...shape])])
  }
  const upwards = scalar(1 + 2 * rounding.gamma(2 * count + 16))
  const roundedUp = (reach: string) =>
    builder.add('Add', [builder.add('Mul', [reach, upwards]), scalar(rounding.underflow)])

  const atLeast = radius && builder.add('Max', [radius, scalar(leastReach)])
  const split = atLeast && emitSplit({ centre, radius: atLeast, box }, inputShape, count, builder)
  const { lower, upper } = split ? split.box : box
  const [down, up] = [builder.add('Sub', [centre, lower]), builder.add('Sub', [upper, centre])]
  const inBox = { down: sums(down, up, sizes), up: sums(up, down, sizes) }
  if (!split) return { down: roundedUp(inBox.down), up: roundedUp(inBox.up) }
  const column = builder.add('Reshape', [atLeast, builder.ints([-1, ...shape.map(() => 1)])])
  const [freeDown, freeUp] = [split.isFree.down, split.isFree.up].map((free) => asNumber(free, builder))
  const both = (first: string, second: string, little: string) => {
    const norm = builder.add('Sqrt', [builder.add('Add', [sums(first, second, squares), scalar(leastSquare)])])
    return roundedUp(builder.add('Add', [builder.add('Mul', [norm, column]), little]))
  }
  return { down: both(freeDown, freeUp, inBox.down), up: both(freeUp, freeDown, inBox.up) }
}
