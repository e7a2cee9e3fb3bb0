import type { GraphBuilder } from '../graph/builder.js'
import type { GraphNode, Shape, Tensor, TypedGraph } from '../graph/graph.js'
import type { Rounding } from './rounding.js'

/** What every rule may ask about the analysed graph, and where it writes its nodes. */
export interface RuleContext {
  readonly graph: TypedGraph
  /** The graph being built. Its precision may differ from the analysed graph's. */
  readonly builder: GraphBuilder
  /** Shape of a value of the analysed graph. */
  shape(value: string): Shape
  /** The tensor behind a value that does not depend on the model's input, if it is known. */
  constant(value: string): Tensor | undefined
  /** Whether a value depends on the numbers fed to the model. */
  isActivation(value: string): boolean
  /**
   * Name, in the graph being built, of a value that is no activation; constants come in its precision. One that follows
   * the batch is the same for every sample, and comes with size 1 in place of the batch.
   */
  weight(value: string): string
}

/**
 * Context of derivatives. Gradients travel with any number of rows as their first axis: one per sample, or one per
 * (sample, class) pair. Forward values have one slice per sample.
 */
export interface DerivativeContext extends RuleContext {
  /** Name, in the graph being built, of an activation of the forward pass (one slice per sample). */
  value(value: string): string
  /** What infinite slopes count as. Default 0. */
  readonly infiniteSlope?: number
  /** Lays out something that has one slice per sample with one slice per row instead. Takes names of the built graph. */
  rows(sliced: string): string
}

/** How the weights of a linear map are used: `absolute` replaces them by |W|, `bias` adds the constant part (|b| with `absolute`). */
export interface WeightUse {
  readonly absolute: boolean
  readonly bias: boolean
}

/**
 * An operator that is affine in its activation inputs. These rules give its reverse and forward derivative, its
 * interval arithmetic, its linear relaxation and its rounding error at once.
 */
export interface LinearRules {
  /** y = W·x (+ b). `inputs[i]` replaces input i where that is an activation. Returns all outputs. */
  apply(node: GraphNode, inputs: readonly string[], context: RuleContext, use: WeightUse): string[]
  /** Wᵀ·g for every activation input, undefined for the others; a missing output gradient is zero. */
  transpose(node: GraphNode, gradients: readonly (string | undefined)[], context: RuleContext): (string | undefined)[]
  /** Number of terms that one output element sums (1: the operator only moves numbers, without rounding). */
  terms(node: GraphNode, context: RuleContext): number
  /** Number of terms that one element of the transpose sums, 1 where it only moves numbers. Default: all outputs. */
  fanOut?(node: GraphNode, context: RuleContext): number
}

/** Lower and upper bounds of a value, one slice per sample: names in the graph being built. */
export interface Interval {
  readonly lower: string
  readonly upper: string
}

/** Context of bounds: what is known of the values of the model as it runs. */
export interface IntervalContext extends RuleContext {
  readonly rounding: Rounding
  /** Bounds of an activation. */
  interval(value: string): Interval
}

/** Bounds of the outputs of an operator that is not linear, from those of its inputs. */
export type IntervalRule = (node: GraphNode, context: IntervalContext) => Interval

/**
 * Context of linear functions that travel backwards, one per row, towards a lower bound of each row. Its graph is what the
 * rows see: in a convolutional network that may be a crop, as small as the window of one position.
 */
export interface RowContext extends RuleContext {
  readonly rounding: Rounding
  /** What is known of the samples, about the whole of the network. */
  readonly samples: IntervalContext
  /** The value of the whole network, and the node, that one in the graph of the rows is a part of. */
  readonly whole: {
    value(value: string): string
    node(node: GraphNode): GraphNode
  }
  /** Takes something that has one slice per sample, with the axes of `value`, and gives what the rows see of it, in slices. */
  slices(sliced: string, value: string): string
  /** The slice of each row. */
  rows(sliced: string, value: string): string
  /** The slices that there are rows of, each laid out as `layout`: [slices, ...layout]. */
  ofSlices(sliced: string, value: string, layout: readonly number[]): string
  /** Something that has one row each with an axis more: [slices, rows of a slice, ...layout]. */
  bySlice(perRow: string, layout: readonly number[]): string
  /** An elementwise operator on what has one row each, with the axes of `value`, and then on the slices that the rows are of. */
  combine(operator: string, value: string, perRow: readonly string[], sliced: readonly string[]): string
  /** One number per sample as one per row. */
  numbers(perSample: string): string
  /** Sums each row, with few roundings per sum; `shape` is that of one row. */
  sum(value: string, shape: readonly number[]): string
  /**
   * Sums coefficients over `value` times `below` where they are positive and times `above` where they are negative. These
   * have one slice per sample, and are small next to the value; a missing one is zero.
   */
  sumBySign(coefficients: string, below: string | undefined, above: string | undefined, value: string): string
  /** Most roundings of any number in a `sum` and in what is added to it afterwards. */
  sumRoundings(shape: readonly number[]): number
  /** The same in a `sumBySign`. */
  sumBySignRoundings(shape: readonly number[]): number
  /** Whether the graph is a small part of a convolutional network. */
  readonly isCrop: boolean
  /** Factors of 0, one row each, where a crop reaches into the padding around a value; 1 elsewhere. */
  mask(value: string): string | undefined
}

/** What the relaxation of an operator may fold into its own. */
export interface RelaxationContext extends RowContext {
  /**
   * What the linear operator that makes `value` adds to its inputs' share, between the bounds of its rounding errors.
   * Who asks takes it upon himself; undefined where there is nothing to take, or where others need the value as well.
   */
  offset(value: string): Interval | undefined
  /** Lines of the elementwise operator that makes `value` from `input`, where no other operator needs the value. */
  linesBefore(value: string): { readonly input: string; readonly lines: Lines } | undefined
  /** The line below to take, where there is a choice. */
  lowerLine(lines: Lines): Line
}

/** A line over one neuron's input, one per sample and element: names in the built graph. */
export interface Line {
  readonly slope: string
  /** Missing: zero, and products with the slope do not round (it is 0, 1 or −1). */
  readonly intercept?: string
}

/** Lines below and above y = σ(x) for all x between the bounds of the input. */
export interface Lines {
  readonly lower: Line
  readonly upper: Line
  /** Where there is a choice: the flattest line below, which is least wrong at the lower bound of the input. */
  readonly flattest?: Line
  /** Where there is a choice: the steepest line below, which is least wrong at the upper bound of the input. */
  readonly steepest?: Line
}

/** Linear relaxation of an operator that is not linear. */
export interface RelaxationRules {
  /** Coefficients over elements of the input that are absent (see `emitAbsent`) are exactly 0, and nothing else depends on these. */
  readonly dropsAbsent?: boolean
  /** Bool per element of the input: whether tighter bounds of it would tighten the relaxation. Default: all would. */
  loose?(node: GraphNode, context: IntervalContext): string
  /** Bool per element of the input: whether it can have any influence on the output. Default: all can. */
  matters?(node: GraphNode, context: IntervalContext): string
  /** Of elementwise operators, y_i = σ(x_i): lines with all allowances, and the offset of the input, in them. */
  lines?(node: GraphNode, context: RelaxationContext): Lines
  /** Replaces linear functions of the output, with coefficients `gradient`, by functions that are nowhere larger. */
  backward(node: GraphNode, gradient: string, context: RelaxationContext): Relaxed
  /** The linear functions below and above the output at points of the inputs that {@link backward} names, one row each. */
  at(node: GraphNode, points: readonly string[], context: RelaxationContext): Interval
}

/** Linear functions of `input` with coefficients `gradient`, plus one number per row. */
export interface Relaxed {
  readonly input: string
  readonly gradient: string
  readonly constant?: string
  /** The other inputs, of an operator that takes several activations. */
  readonly others?: readonly { readonly input: string; readonly gradient: string }[]
  /** The same coefficients before they were put in place, for a convolution that can take them like this. */
  readonly tiles?: Tiles
}

/** Coefficients over tiles without gaps: `perElement` is [rows, elements of a tile, channels, ...tiles]. */
export interface Tiles {
  readonly perElement: string
  readonly kernel: readonly number[]
}

/** y_i = σ(x_i) for one activation input. `derivative` is built from forward values, one slice per sample. */
export interface ElementwiseRules {
  derivative(node: GraphNode, context: DerivativeContext): string
  /** Whether the slope can be infinite where the value is finite. Default: never. */
  isSteep?(node: GraphNode, graph: TypedGraph): boolean
}

/** Reverse and forward mode of an operator that is neither linear nor elementwise. */
export interface DerivativeRules {
  /** Gradients of the inputs from the gradients of the outputs, rows first; undefined where there is none. */
  vjp(node: GraphNode, gradients: readonly (string | undefined)[], context: DerivativeContext): (string | undefined)[]
  /** Tangents of the outputs from the tangents of the activation inputs (undefined for other inputs). */
  jvp(node: GraphNode, tangents: readonly (string | undefined)[], context: DerivativeContext): string[]
}

/** An ONNX operator: all that the passes know of it. A missing rule is refused by name. */
export interface Operator {
  readonly name: string
  /** Undefined when this node is not affine in its activation inputs (a product of two activations, say). */
  linear?(node: GraphNode, context: RuleContext): LinearRules | undefined
  readonly elementwise?: ElementwiseRules
  readonly derivative?: DerivativeRules
  readonly interval?: IntervalRule
  readonly relaxation?: RelaxationRules
  /** The same function from operators that onnxruntime has float64 kernels for, where it lacks one for this operator. */
  lower?(node: GraphNode, inputs: readonly string[], context: RuleContext): string[]
}
