import './text-encoding.js'
import { fromBinary } from '@bufbuild/protobuf'
import { ModelError } from '../errors.js'
import { elementTypeNumbers, typedArrays } from './element-types.js'
import {
  type Attribute,
  type ElementType,
  elementCount,
  type Graph,
  type GraphNode,
  nodeLabel,
  type Port,
  type Tensor,
  usedBy,
} from './graph.js'
import {
  type AttributeProto,
  AttributeProto_AttributeType as AttributeType,
  type GraphProto,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
  TensorProto_DataLocation,
  type ValueInfoProto,
} from './onnx/onnx_pb.js'

const elementTypes = new Map(Object.entries(elementTypeNumbers).map(([name, number]) => [number, name as ElementType]))

/** Reads the bytes of an external tensor: `location` relative to the model file. */
export type ReadExternal = (location: string, offset: number, length: number | undefined) => Uint8Array

/**
 * Parses the bytes of an ONNX file into a {@link Graph}, nodes in topological order.
 * @throws ModelError when the bytes are no ONNX model, are truncated, or contradict themselves.
 */
export function decodeModel(bytes: Uint8Array, readExternal: ReadExternal): Graph {
  let model: ReturnType<typeof fromBinary<typeof ModelProtoSchema>>
  try {
    model = fromBinary(ModelProtoSchema, bytes)
  } catch (cause) {
    throw new ModelError('The bytes are not an ONNX model, or the file is truncated or damaged.', { cause })
  }
  if (!model.graph) throw new ModelError('The file holds no ONNX graph: it is not an ONNX model, or it is truncated.')
  const opset = model.opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx')
  if (!opset) throw new ModelError('The model does not say which version of the ONNX operators it uses (opset_import).')
  return decodeGraph(model.graph, toNumber(opset.version, 'the opset version'), readExternal)
}

function decodeGraph(proto: GraphProto, opset: number, readExternal: ReadExternal): Graph {
  if (proto.sparseInitializer.length > 0) throw new ModelError('Sparse initializers are not supported.')
  const constants = new Map<string, Tensor>()
  for (const initializer of proto.initializer) {
    if (constants.has(initializer.name)) throw new ModelError(`Two initializers are called "${initializer.name}".`)
    constants.set(initializer.name, decodeTensor(initializer, readExternal))
  }
  const nodes = proto.node.map((node) => decodeNode(node, opset, readExternal))
  const inputs = proto.input.filter(({ name }) => !constants.has(name)).map(decodePort)
  const outputs = proto.output.map(decodePort)
  const made = new Set([
    ...inputs.map(({ name }) => name),
    ...constants.keys(),
    ...nodes.flatMap((node) => node.outputs),
  ])
  const missing = outputs.find(({ name }) => !made.has(name))
  if (missing) throw new ModelError(`Nothing in the graph makes its output "${missing.name}".`)
  return { opset, inputs, outputs, nodes: sortNodes(nodes), constants }
}

function decodeNode(proto: NodeProto, opset: number, readExternal: ReadExternal): GraphNode {
  const node = {
    operator: proto.opType,
    name: proto.name,
    domain: proto.domain === 'ai.onnx' ? '' : proto.domain,
    inputs: proto.input,
    outputs: proto.output,
    attributes: new Map<string, Attribute>(),
  }
  for (const attribute of proto.attribute) {
    const decoded = decodeAttribute(attribute, opset, readExternal)
    if (!decoded)
      throw new ModelError(
        `Attribute "${attribute.name}" of node ${nodeLabel(node)} (${proto.opType}) has a type that is not supported.`,
      )
    node.attributes.set(attribute.name, decoded)
  }
  return node
}

function decodeAttribute(proto: AttributeProto, opset: number, readExternal: ReadExternal): Attribute | undefined {
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
  switch (proto.type) {
    case AttributeType.INT:
      return { kind: 'int', value: toNumber(proto.i, proto.name) }
    case AttributeType.FLOAT:
      return { kind: 'float', value: proto.f }
    case AttributeType.STRING:
      return { kind: 'string', value: text(proto.s) }
    case AttributeType.INTS:
      return { kind: 'ints', value: proto.ints.map((value) => toNumber(value, proto.name)) }
    case AttributeType.FLOATS:
      return { kind: 'floats', value: proto.floats }
    case AttributeType.STRINGS:
      return { kind: 'strings', value: proto.strings.map(text) }
    case AttributeType.TENSOR:
      return proto.t && { kind: 'tensor', value: decodeTensor(proto.t, readExternal) }
    case AttributeType.GRAPH:
      return proto.g && { kind: 'graph', value: decodeGraph(proto.g, opset, readExternal) }
    default:
      return undefined
  }
}

function decodePort(proto: ValueInfoProto): Port {
  const tensor = proto.type?.value.case === 'tensorType' ? proto.type.value.value : undefined
  const type = tensor && elementTypes.get(tensor.elemType)
  const shape = tensor?.shape?.dim.map(({ value }, axis) =>
    value.case === 'dimValue' ? toNumber(value.value, proto.name) : (value.value ?? `${proto.name}_${axis}`),
  )
  return { name: proto.name, ...(type && { type }), ...(shape && { shape }) }
}

function decodeTensor(proto: TensorProto, readExternal: ReadExternal): Tensor {
  const type = elementTypes.get(proto.dataType)
  const label = `Tensor "${proto.name}"`
  if (!type) throw new ModelError(`${label} has element type ${proto.dataType}, which is not supported.`)
  const shape = proto.dims.map((size) => toNumber(size, label))
  if (shape.some((size) => size < 0)) throw new ModelError(`${label} has a negative size: [${shape.join(', ')}].`)
  const count = elementCount(shape)
  const data = typedData(proto, type, label, readExternal)
  if (data.length !== count) {
    throw new ModelError(
      `${label} has shape [${shape.join(', ')}], which needs ${count} elements, but it holds ${data.length}.`,
    )
  }
  return { type, shape, data }
}

function typedData(proto: TensorProto, type: ElementType, label: string, readExternal: ReadExternal): Tensor['data'] {
  if (proto.dataLocation === TensorProto_DataLocation.EXTERNAL) {
    const entries = new Map(proto.externalData.map(({ key, value }) => [key, value]))
    const location = entries.get('location')
    if (!location) throw new ModelError(`${label} is stored externally but names no file.`)
    const length = entries.get('length')
    return fromBytes(
      readExternal(location, Number(entries.get('offset') ?? 0), length === undefined ? undefined : Number(length)),
      type,
      label,
    )
  }
  if (proto.rawData.length > 0) return fromBytes(proto.rawData, type, label)
  switch (type) {
    case 'float32':
      return Float32Array.from(proto.floatData)
    case 'float64':
      return Float64Array.from(proto.doubleData)
    case 'int64':
      return BigInt64Array.from(proto.int64Data)
    case 'int32':
      return Int32Array.from(proto.int32Data)
    case 'float16':
      return Uint16Array.from(proto.int32Data)
    case 'int8':
      return Int8Array.from(proto.int32Data)
    default:
      return Uint8Array.from(proto.int32Data)
  }
}

function fromBytes(bytes: Uint8Array, type: ElementType, label: string): Tensor['data'] {
  const TypedArray = typedArrays[type]
  const size = TypedArray.BYTES_PER_ELEMENT
  if (bytes.length % size !== 0)
    throw new ModelError(`${label} holds ${bytes.length} bytes, not a multiple of ${size}.`)
  // A view needs an aligned offset, which protobuf fields rarely have, and keeps the whole file in memory.
  return new TypedArray(new Uint8Array(bytes).buffer, 0, bytes.length / size)
}

function toNumber(value: bigint, label: string): number {
  const number = Number(value)
  // INT64_MAX is the usual way to say "to the end" in Slice; it is clamped wherever it is used.
  if (!Number.isSafeInteger(number)) return number > 0 ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER
  if (Number.isNaN(number)) throw new ModelError(`${label} is not a number.`)
  return number
}

/** ONNX asks for topological order, but not every exporter keeps to it; a cycle is an error. */
function sortNodes(nodes: readonly GraphNode[]): GraphNode[] {
  const producers = new Map<string, GraphNode>()
  for (const node of nodes) {
    for (const output of node.outputs) {
      if (output === '') continue
      if (producers.has(output)) throw new ModelError(`Two nodes make the value "${output}".`)
      producers.set(output, node)
    }
  }
  const waiting = new Map<GraphNode, number>()
  const consumers = new Map<GraphNode, GraphNode[]>()
  for (const node of nodes) {
    const needed = new Set(
      usedBy(node)
        .map((input) => producers.get(input))
        .filter((producer) => producer !== undefined),
    )
    waiting.set(node, needed.size)
    for (const producer of needed) consumers.set(producer, [...(consumers.get(producer) ?? []), node])
  }
  const sorted: GraphNode[] = nodes.filter((node) => waiting.get(node) === 0)
  for (const node of sorted) {
    for (const consumer of consumers.get(node) ?? []) {
      const left = waiting.get(consumer)! - 1
      waiting.set(consumer, left)
      if (left === 0) sorted.push(consumer)
    }
  }
  if (sorted.length < nodes.length) {
    const stuck = nodes.find((node) => waiting.get(node)! > 0)
    throw new ModelError(`The graph has a cycle through node "${stuck?.name}" (${stuck?.operator}).`)
  }
  return sorted
}
