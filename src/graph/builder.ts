import {
  type Attribute,
  type ElementType,
  elementCount,
  type Graph,
  type GraphNode,
  type Port,
  type Tensor,
  type TensorData,
  usedBy,
} from './graph.js'
import { prune } from './prune.js'

/** Floating-point type that a graph computes in. */
export type Precision = 'float32' | 'float64'

/** Shorthand for node attributes: whole numbers are ints; use {@link float} for float attributes. */
export type AttributeValue = number | string | readonly number[] | Attribute | Graph

export function float(value: number): Attribute {
  return { kind: 'float', value }
}

/** Builds one ONNX graph node by node; every method returns the name of the value it makes. */
export class GraphBuilder {
  readonly opset: number
  readonly precision: Precision
  readonly #inputs: Port[] = []
  readonly #outputs: { name: string; value: string }[] = []
  readonly #nodes: GraphNode[] = []
  readonly #constants = new Map<string, Tensor>()
  readonly #shared = new Map<string, string>()
  /** Constants that were given no name, by type and shape. */
  readonly #unnamed = new Map<string, readonly string[]>()
  /** Results of nodes: one that does the same as another is that one. */
  readonly #emitted = new Map<string, readonly string[]>()
  /** How many parts the nodes of a name have so far: what is used twice has twice as many. */
  readonly #parts = new Map<string, number>()
  readonly #names: { count: number; readonly prefix: string }

  /** Names of values are a prefix and a number; `names` has both. */
  constructor(opset: number, precision: Precision = 'float32', names = { count: 0, prefix: 'unfooled:' }) {
    this.opset = opset
    this.precision = precision
    this.#names = names
  }

  /** A builder for the body of a Loop or If. Its nodes may use the values made here; no name is made twice. */
  body(): GraphBuilder {
    return new GraphBuilder(this.opset, this.precision, this.#names)
  }

  /** Without type and shape the runtime finds out what they are: inputs of bodies only. */
  input(name: string, type?: ElementType, shape?: readonly (number | string)[]): string {
    this.#inputs.push({ name, type, shape })
    return name
  }

  /** Makes `value` an output called `name`. */
  output(name: string, value: string): void {
    this.#outputs.push({ name, value })
  }

  /** A constant; without a name of its own it is the same one as others that are equal. */
  constant(value: Tensor, name?: string): string {
    if (name !== undefined) {
      this.#constants.set(name, value)
      return name
    }
    const kind = `${value.type} [${value.shape}]`
    const alike = this.#unnamed.get(kind) ?? []
    const known = alike.find((other) => hasEqualData(this.#constants.get(other)!, value))
    if (known !== undefined) return known
    const fresh = this.fresh()
    this.#unnamed.set(kind, [...alike, fresh])
    this.#constants.set(fresh, value)
    return fresh
  }

  floats(data: ArrayLike<number>, shape: readonly number[] = [data.length]): string {
    const array = this.precision === 'float32' ? Float32Array.from(data) : Float64Array.from(data)
    return this.constant({ type: this.precision, shape, data: array })
  }

  scalar(value: number): string {
    return this.once(`scalar ${Object.is(value, -0) ? '-0' : value}`, () => this.floats([value], []))
  }

  ints(values: readonly number[]): string {
    return this.once(`ints ${values.join()}`, () =>
      this.constant({ type: 'int64', shape: [values.length], data: BigInt64Array.from(values, BigInt) }),
    )
  }

  int(value: number): string {
    return this.once(`int ${value}`, () =>
      this.constant({ type: 'int64', shape: [], data: BigInt64Array.of(BigInt(value)) }),
    )
  }

  add(operator: string, inputs: readonly string[], attributes: Record<string, AttributeValue> = {}): string {
    return this.addMany(operator, inputs, 1, attributes)[0]
  }

  addMany(
    operator: string,
    inputs: readonly string[],
    outputCount: number,
    attributes: Record<string, AttributeValue> = {},
  ): string[] {
    const decoded = decodeAttributes(attributes)
    const key = describeNode(operator, inputs, outputCount, decoded)
    const known = key === undefined ? undefined : this.#emitted.get(key)
    if (known) return [...known]
    const outputs = Array.from({ length: outputCount }, () => this.fresh())
    this.node({ operator, name: '', domain: '', inputs, outputs, attributes: decoded })
    if (key !== undefined) this.#emitted.set(key, outputs)
    return outputs
  }

  /** Adds a node as it stands, with its own value names. */
  node(node: GraphNode): void {
    this.#nodes.push(node)
  }

  /** The result of `emit`, whose nodes are called parts of `whole` in messages; with `uncovered` they are no more than that to bounds. */
  partsOf<Result>(whole: GraphNode, uncovered: boolean, emit: () => Result): Result {
    const first = this.#nodes.length
    // Parts are shared with no other nodes, whose name and meaning are not theirs.
    this.#emitted.clear()
    const result = emit()
    this.#emitted.clear()
    for (let index = first; index < this.#nodes.length; index++) {
      const part = (this.#parts.get(whole.name) ?? 0) + 1
      this.#parts.set(whole.name, part)
      this.#nodes[index] = {
        ...this.#nodes[index],
        name: `${whole.name} (part ${part})`,
        ...(uncovered && { partOf: whole }),
      }
    }
    return result
  }

  /**
   * A Loop: what it carries, after so many trips. `emit` gets the number of the trip and what is carried into it, and
   * gives what is carried on; what it emits besides that depends on neither is computed once, before the loop.
   */
  loop(trips: number, initial: readonly string[], emit: (trip: string, carried: string[]) => string[]): string[] {
    const [trip, goesOn] = [this.fresh(), this.fresh()]
    const carried = initial.map(() => this.fresh())
    const first = this.#nodes.length
    const next = emit(trip, carried)
    const turning = new Set([trip, ...carried])
    const body = this.body()
    body.input(trip, 'int64', [])
    body.input(goesOn, 'bool', [])
    for (const value of carried) body.input(value)
    const constants = new Map<string, string>()
    for (const node of this.#nodes.splice(first)) {
      if (!usedBy(node).some((value) => turning.has(value))) {
        this.#nodes.push(node)
        continue
      }
      for (const output of node.outputs) turning.add(output)
      // Constants of its own: onnxruntime optimises a body by itself.
      for (const input of node.inputs) {
        const constant = this.#constants.get(input)
        if (constant && !constants.has(input)) constants.set(input, body.constant(constant))
      }
      body.node({ ...node, inputs: node.inputs.map((input) => constants.get(input) ?? input) })
    }
    for (const [key, value] of this.#shared) if (turning.has(value)) this.#shared.delete(key)
    for (const [key, [value]] of this.#emitted) if (turning.has(value)) this.#emitted.delete(key)
    body.output(this.fresh(), body.add('Identity', [goesOn]))
    for (const value of next) body.output(this.fresh(), value)
    return this.addMany('Loop', [this.int(trips), '', ...initial], initial.length, { body: body.build() })
  }

  fresh(): string {
    return `${this.#names.prefix}${this.#names.count++}`
  }

  /** The graph so far, without what its outputs do not need. */
  build(): Graph {
    const made = new Set(this.#nodes.flatMap(({ outputs }) => outputs))
    const names = new Map<string, string>()
    const copies: GraphNode[] = []
    for (const { name, value } of this.#outputs) {
      if (made.has(value) && !names.has(value)) names.set(value, name)
      // An input, a constant or a second name for the same value needs a node of its own.
      else
        copies.push({
          operator: 'Identity',
          name: '',
          domain: '',
          inputs: [value],
          outputs: [name],
          attributes: new Map(),
        })
    }
    const rename = (value: string) => names.get(value) ?? value
    const nodes = [...this.#nodes, ...copies].map((node) => ({
      ...node,
      inputs: node.inputs.map(rename),
      outputs: node.outputs.map(rename),
    }))
    const outputs = this.#outputs.map(({ name }) => ({ name }))
    return prune({ opset: this.opset, inputs: this.#inputs, outputs, nodes, constants: this.#constants })
  }

  /** The value that `make` makes, made once per key. */
  once(key: string, make: () => string): string {
    const known = this.#shared.get(key)
    if (known !== undefined) return known
    const name = make()
    this.#shared.set(key, name)
    return name
  }
}

function hasEqualData({ data: one }: Tensor, { data: other }: Tensor): boolean {
  return one === other || one.every((value, index) => Object.is(value, other[index]))
}

/** The same for nodes that give the same results; undefined where that takes looking into bodies or tensors. */
function describeNode(
  operator: string,
  inputs: readonly string[],
  outputCount: number,
  attributes: ReadonlyMap<string, Attribute>,
): string | undefined {
  const described: string[][] = []
  for (const [name, { kind, value }] of attributes) {
    if (kind === 'graph' || kind === 'tensor' || kind === 'function') return undefined
    described.push([name, kind, ...[value].flat().map((item) => (Object.is(item, -0) ? '-0' : `${item}`))])
  }
  return JSON.stringify([operator, outputCount, inputs, described])
}

function decodeAttributes(attributes: Record<string, AttributeValue>): Map<string, Attribute> {
  const decoded = new Map<string, Attribute>()
  for (const [name, value] of Object.entries(attributes)) decoded.set(name, decodeAttribute(value))
  return decoded
}

function decodeAttribute(value: AttributeValue): Attribute {
  if (typeof value === 'number') return { kind: 'int', value }
  if (typeof value === 'string') return { kind: 'string', value }
  if (Array.isArray(value)) return { kind: 'ints', value }
  if ('kind' in (value as object)) return value as Attribute
  return { kind: 'graph', value: value as Graph }
}

/** A float tensor with the data checked against the shape. */
export function floatTensor(data: Float32Array | Float64Array, shape: readonly number[]): Tensor {
  if (data.length !== elementCount(shape)) {
    throw new RangeError(`${data.length} elements do not fill the shape [${shape.join(', ')}]`)
  }
  return { type: data.BYTES_PER_ELEMENT === 4 ? 'float32' : 'float64', shape, data: data as TensorData }
}

export function intTensor(values: ArrayLike<number>, shape: readonly number[] = [values.length]): Tensor {
  return { type: 'int64', shape, data: BigInt64Array.from(Array.from(values), BigInt) }
}
