/** Element types that the graphs of this package use. */
export type ElementType = 'float32' | 'float64' | 'float16' | 'int64' | 'int32' | 'int8' | 'uint8' | 'bool'

export type TensorData = Float32Array | Float64Array | Uint16Array | BigInt64Array | Int32Array | Int8Array | Uint8Array

/** A dense tensor in row-major order. float16 is held as its raw 16 bits, bool as 0 and 1. */
export interface Tensor {
  readonly type: ElementType
  readonly shape: readonly number[]
  readonly data: TensorData
}

/** One axis of a value: a fixed size, or a multiple of the batch size. */
export type Dimension = number | { readonly batch: number }
export type Shape = readonly Dimension[]

export interface ValueType {
  readonly type: ElementType
  readonly shape: Shape
}

export type Attribute =
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'tensor'; readonly value: Tensor }
  | { readonly kind: 'graph'; readonly value: Graph }
  | { readonly kind: 'function'; readonly value: HostFunction }

/** Runs outside of the runtime, where the tensors of a node are needed in JavaScript. */
export type HostFunction = (inputs: readonly Tensor[]) => Promise<Tensor>

export interface GraphNode {
  readonly operator: string
  readonly name: string
  readonly domain: string
  /** Value names; an empty string is an omitted optional input. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: ReadonlyMap<string, Attribute>
  /** The node of the file that this one is a part of, where bounds do not cover how that rounds. */
  readonly partOf?: GraphNode
}

/** An input or output. `type` and `shape` may be left to the runtime's inference. */
export interface Port {
  readonly name: string
  readonly type?: ElementType
  readonly shape?: readonly (number | string)[]
}

/** An ONNX graph: nodes in topological order over named values. */
export interface Graph {
  readonly opset: number
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
  readonly nodes: readonly GraphNode[]
  readonly constants: ReadonlyMap<string, Tensor>
}

/** A graph with the type and shape of every value known. */
export interface TypedGraph extends Graph {
  readonly values: ReadonlyMap<string, ValueType>
  /** Values that follow the batch and are the same for every sample: with size 1 in place of the batch. */
  readonly alike: ReadonlyMap<string, Tensor>
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

export function isBatch(dimension: Dimension): dimension is { readonly batch: number } {
  return typeof dimension !== 'number'
}

/** The sizes behind a leading batch axis; undefined when the batch is not exactly the first axis. */
export function featureShape(shape: Shape): readonly number[] | undefined {
  const [first, ...rest] = shape
  if (first === undefined || !isBatch(first) || first.batch !== 1) return undefined
  return rest.every((size) => typeof size === 'number') ? (rest as number[]) : undefined
}

/** Inputs of a node, and what the bodies of a Loop or If take from around it. */
export function usedBy(node: GraphNode): string[] {
  return [
    ...node.inputs,
    ...bodiesOf(node).flatMap(({ nodes, outputs }) => [...nodes.flatMap(usedBy), ...outputs.map(({ name }) => name)]),
  ]
}

export function bodiesOf({ attributes }: GraphNode): Graph[] {
  return [...attributes.values()].flatMap((attribute) => (attribute.kind === 'graph' ? [attribute.value] : []))
}

/** The same node with its bodies replaced. */
export function mapBodies(node: GraphNode, map: (body: Graph) => Graph): GraphNode {
  if (bodiesOf(node).length === 0) return node
  const attributes = [...node.attributes].map(([name, attribute]): [string, Attribute] => [
    name,
    attribute.kind === 'graph' ? { kind: 'graph', value: map(attribute.value) } : attribute,
  ])
  return { ...node, attributes: new Map(attributes) }
}

/** A name that is unambiguous in messages also where the exporter left nodes unnamed. */
export function nodeLabel(node: GraphNode): string {
  // The first output may be left out.
  const made = node.outputs.find((output) => output !== '') ?? ''
  return node.name ? `"${node.name}"` : `that makes "${made.replace(/^model\//, '')}"`
}

export function intAttribute(node: GraphNode, name: string, fallback: number): number {
  const attribute = node.attributes.get(name)
  return attribute?.kind === 'int' ? attribute.value : fallback
}

export function floatAttribute(node: GraphNode, name: string, fallback: number): number {
  const attribute = node.attributes.get(name)
  // Attributes are float32 in the file, so that is the number the runtime computes with.
  return Math.fround(attribute?.kind === 'float' ? attribute.value : fallback)
}

export function stringAttribute(node: GraphNode, name: string, fallback: string): string {
  const attribute = node.attributes.get(name)
  return attribute?.kind === 'string' ? attribute.value : fallback
}

export function functionAttribute(node: GraphNode, name: string): HostFunction | undefined {
  const attribute = node.attributes.get(name)
  return attribute?.kind === 'function' ? attribute.value : undefined
}

export function intsAttribute(node: GraphNode, name: string): readonly number[] | undefined {
  const attribute = node.attributes.get(name)
  return attribute?.kind === 'ints' ? attribute.value : undefined
}
