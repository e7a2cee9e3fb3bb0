import type * as Tf from '@tensorflow/tfjs'

type DataType = 'float32' | 'int32' | 'bool'

/** Types are written as `DT_FLOAT` and the like. */
type Attribute = number | boolean | string | readonly number[] | readonly string[]

/** Writes graph models as the converter does. */
export class TfjsGraphBuilder {
  readonly #nodes: object[] = []
  readonly #weights: { readonly name: string; readonly shape: number[]; readonly dtype: DataType }[] = []
  readonly #data: Buffer[] = []
  readonly #inputs: Record<string, object> = {}

  constructor(featureShape: readonly number[]) {
    this.input('x', [-1, ...featureShape])
  }

  input(name: string, shape: readonly number[], type = 'DT_FLOAT'): string {
    const attr = { dtype: { type }, shape: { shape: sizes(shape) } }
    this.#nodes.push({ name, op: 'Placeholder', attr })
    this.#inputs[name] = port(`${name}:0`, shape, type)
    return name
  }

  add(op: string, input: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}): string {
    const name = `${op}_${this.#nodes.length}`
    const attr = Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, written(value)]))
    this.#nodes.push({ name, op, input, attr: { T: { type: 'DT_FLOAT' }, ...attr } })
    return name
  }

  floats(data: ArrayLike<number>, shape: readonly number[]): string {
    return this.#constant(Float32Array.from(data), shape, 'float32')
  }

  ints(data: ArrayLike<number>, shape: readonly number[] = [data.length]): string {
    return this.#constant(Int32Array.from(data), shape, 'int32')
  }

  truths(data: ArrayLike<number>, shape: readonly number[] = [data.length]): string {
    return this.#constant(Uint8Array.from(data), shape, 'bool')
  }

  build(output: string): Tf.io.ModelArtifacts {
    this.#nodes.push({ name: 'Identity', op: 'Identity', input: [output], attr: { T: { type: 'DT_FLOAT' } } })
    const data = Buffer.concat(this.#data)
    return {
      format: 'graph-model',
      modelTopology: { node: this.#nodes, library: {}, versions: { producer: 1 } },
      signature: {
        inputs: this.#inputs,
        outputs: { logits: port('Identity:0', [-1, 3]) },
      } as never,
      weightSpecs: this.#weights,
      weightData: data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) as ArrayBuffer,
    }
  }

  #constant(data: Float32Array | Int32Array | Uint8Array, shape: readonly number[], dtype: DataType): string {
    const name = `constant_${this.#nodes.length}`
    const type = { float32: 'DT_FLOAT', int32: 'DT_INT32', bool: 'DT_BOOL' }[dtype]
    const value = { tensor: { dtype: type, tensorShape: sizes(shape) } }
    this.#nodes.push({ name, op: 'Const', input: [], attr: { dtype: { type }, value } })
    this.#weights.push({ name, shape: [...shape], dtype })
    this.#data.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength))
    return name
  }
}

function port(name: string, shape: readonly number[], dtype = 'DT_FLOAT') {
  return { name, dtype, tensorShape: sizes(shape) }
}

function sizes(shape: readonly number[]) {
  return { dim: shape.map((size) => ({ size: String(size) })) }
}

function written(value: Attribute): object {
  if (typeof value === 'boolean') return { b: value }
  if (typeof value === 'string') return value.startsWith('DT_') ? { type: value } : { s: encoded(value) }
  if (typeof value === 'number') return Number.isInteger(value) ? { i: String(value) } : { f: value }
  const isText = (list: readonly unknown[]): list is readonly string[] => typeof list[0] === 'string'
  return { list: isText(value) ? { s: value.map(encoded) } : { i: value.map(String) } }
}

function encoded(text: string): string {
  return Buffer.from(text).toString('base64')
}
