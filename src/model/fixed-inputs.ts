import { ModelError, SettingsError } from '../errors.js'
import { GraphBuilder } from '../graph/builder.js'
import { typedArrays } from '../graph/element-types.js'
import { elementCount, type Graph, type Port, type Tensor, type TensorData } from '../graph/graph.js'

/** What an input always gets: one number, everywhere and with sizes that the file leaves open as 1, or a tensor. */
export type FixedInput = number | { readonly data: ArrayLike<number | bigint>; readonly shape: readonly number[] }

/**
 * The inputs that are not tested, as tensors of the types that the file declares.
 * @throws ModelError for one of a type that cannot be given, SettingsError for names that the model does not have and for tensors that
 * contradict its shapes.
 */
export function fixInputs(
  { inputs }: Pick<Graph, 'inputs'>,
  fixed: Readonly<Record<string, FixedInput>> = {},
): ReadonlyMap<string, Tensor> {
  const ports = new Map(inputs.map((port) => [port.name, port]))
  return new Map(
    Object.entries(fixed).map(([name, value]): [string, Tensor] => {
      const port = ports.get(name)
      if (port) return [name, tensorFor(port, value)]
      throw new SettingsError(
        `fixedInputs has "${name}", which is no input of the model; it has ${[...ports.keys()].map((one) => `"${one}"`).join(', ')}.`,
      )
    }),
  )
}

function tensorFor({ name, type, shape: declared }: Port, value: FixedInput): Tensor {
  if (type === undefined || type === 'float16') {
    throw new ModelError(`The input "${name}" is ${type ?? 'of a type that cannot be given'}: it cannot be fixed.`)
  }
  const fits = (sizes: readonly number[]) =>
    declared === undefined ||
    (sizes.length === declared.length &&
      sizes.every((size, axis) => typeof declared[axis] !== 'number' || declared[axis] === size))
  const shape =
    typeof value === 'number' ? (declared ?? []).map((size) => (typeof size === 'number' ? size : 1)) : value?.shape
  const count = typeof value === 'number' ? elementCount(shape!) : value?.data?.length
  if (!shape || !fits(shape) || count !== elementCount(shape)) {
    const printed = declared === undefined ? 'its shape' : `the shape [${declared.join(', ')}]`
    throw new SettingsError(
      `fixedInputs: "${name}" must be one number, or { data, shape } with as many numbers as ${printed} has.`,
    )
  }
  const data: TensorData = new typedArrays[type](new ArrayBuffer(count * typedArrays[type].BYTES_PER_ELEMENT), 0, count)
  for (let index = 0; index < count; index++) {
    const element = typeof value === 'number' ? value : value.data[index]
    if (type === 'int64') data[index] = wholeNumber(name, element)
    else data[index] = Number(element)
  }
  return { type, shape: [...shape], data }
}

function wholeNumber(name: string, element: number | bigint): bigint {
  if (typeof element === 'bigint' || Number.isSafeInteger(element)) return BigInt(element)
  throw new SettingsError(`fixedInputs: "${name}" takes whole numbers; one is ${element}.`)
}

/**
 * The input that is tested.
 * @throws ModelError unless one is left.
 */
export function inputLeft(inputs: readonly Port[]): Port {
  if (inputs.length === 1) return inputs[0]
  if (inputs.length === 0) throw new ModelError('The model has no input that is left to test.')
  const printed = inputs.map(({ name, type, shape }) => `"${name}", ${type} of shape [${shape?.join(', ')}]`)
  const tested = inputs.find(({ type }) => type === 'float32')
  const others = inputs.filter((port) => port !== tested).map(({ name }) => `${JSON.stringify(name)}: 0`)
  throw new ModelError(
    `The model has ${inputs.length} inputs (${printed.join('; ')}); one of them is tested. Say what the others get, as in { fixedInputs: { ${others.join(', ')} } }.`,
  )
}

/** Axes of a fixed input that follow the batch of the tested one: of size 1 where the file leaves their size open. */
export function axesOfBatch({ shape: declared = [] }: Port, { shape }: Tensor): readonly number[] {
  return [...shape.keys()].filter((axis) => shape[axis] === 1 && typeof declared[axis] !== 'number')
}

/**
 * A graph with constants for its fixed inputs; `inputs` is what the file says of them. Where that leaves a size open which is 1, the size
 * follows the batch of the input that is left: states and masks have a slice for each sample.
 */
export function withFixedInputs(graph: Graph, inputs: readonly Port[], fixed: ReadonlyMap<string, Tensor>): Graph {
  if (fixed.size === 0) return graph
  const builder = new GraphBuilder(graph.opset, 'float32', { count: 0, prefix: 'fixed inputs:' })
  const [{ name: tested }] = graph.inputs
  for (const port of inputs) {
    const { name } = port
    const tensor = fixed.get(name)
    if (!tensor) continue
    const follows = axesOfBatch(port, tensor)
    const value = builder.constant(tensor)
    if (follows.length === 0) {
      builder.output(name, value)
      continue
    }
    const batch = builder.add('Shape', [tested], { start: 0, end: 1 })
    const sizes = tensor.shape.map((size, axis) => (follows.includes(axis) ? batch : builder.ints([size])))
    builder.output(name, builder.add('Expand', [value, builder.add('Concat', sizes, { axis: 0 })]))
  }
  const { nodes, constants } = builder.build()
  return { ...graph, nodes: [...nodes, ...graph.nodes], constants: new Map([...graph.constants, ...constants]) }
}
