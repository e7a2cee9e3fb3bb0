import type { GraphBuilder } from '../graph/builder.js'
import type { GraphNode, Shape, Tensor, TypedGraph } from '../graph/graph.js'

/** What a decomposition may ask about the graph it rewrites, and where it writes its nodes. */
export interface DecompositionContext {
  readonly graph: TypedGraph
  readonly builder: GraphBuilder
  shape(value: string): Shape
  constant(value: string | undefined): Tensor | undefined
}

/** An operator as several others that have rules. */
export interface Decomposition {
  readonly operator: string
  /**
   * Whether the allowances for rounding of the parts cover how the runtime's own kernel rounds. Where they do not, bounds
   * of the parts prove nothing about the deployed model.
   */
  readonly coversRounding: boolean | ((node: GraphNode, context: DecompositionContext) => boolean)
  /** Adds the parts and gives the outputs; undefined where the settings of the node are not covered. */
  decompose(node: GraphNode, context: DecompositionContext): readonly string[] | undefined
}

/** Axes from `first` on, which counts from the end where it is negative. */
export function axesFrom(first: number, rank: number): number[] {
  const start = first < 0 ? first + rank : first
  return Array.from({ length: rank - start }, (_, index) => start + index)
}

/** The elements of a constant as numbers. */
export function numbers(tensor: Tensor | undefined): number[] | undefined {
  return tensor && Array.from<number | bigint, number>(tensor.data, Number)
}
