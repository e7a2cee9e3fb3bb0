import './text-encoding.js'
import { create, toBinary } from '@bufbuild/protobuf'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { elementTypeNumbers } from './element-types.js'
import type { Attribute, Graph, GraphNode, Port, Tensor } from './graph.js'
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './onnx/onnx_pb.js'

// High enough for every opset up to 22, low enough for the oldest supported onnxruntime.
const irVersion = 10n

// The last version before tree ensembles changed; it takes all attributes of the earlier ones.
const mlVersion = 3n

// Bytes of a tensor.
const large = 2 ** 16

/** Serialises a graph as the bytes of an ONNX file. */
export function encodeModel(graph: Graph): Uint8Array {
  const domains = new Set(graph.nodes.map(({ domain }) => domain).filter((domain) => domain !== ''))
  const constants = [...graph.constants]
  const isLarge = ([, { data }]: readonly [string, Tensor]) => data.byteLength > large
  const others = toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion,
      producerName: 'unfooled',
      opsetImport: [
        { domain: '', version: BigInt(graph.opset) },
        ...[...domains].map((domain) => ({ domain, version: domain === 'ai.onnx.ml' ? mlVersion : 1n })),
      ],
      graph: encodeGraph({ ...graph, constants: new Map(constants.filter((constant) => !isLarge(constant))) }),
    }),
  )
  // A writer copies what it has whenever it grows; messages may come in parts, so large tensors follow the rest as they are.
  return joined([others, ...constants.filter(isLarge).flatMap(([name, tensor]) => initializerParts(name, tensor))])
}

/** Bytes that add a tensor to the initializers of the graph of a model. */
function initializerParts(name: string, tensor: Tensor): Uint8Array[] {
  const { rawData, ...proto } = encodeTensor(tensor, name)
  const parts = [toBinary(TensorProtoSchema, create(TensorProtoSchema, proto)), fieldHead(9, rawData.length), rawData]
  for (const field of [5, 7]) {
    parts.unshift(
      fieldHead(
        field,
        parts.reduce((total, { length }) => total + length, 0),
      ),
    )
  }
  return parts
}

/** What precedes the bytes of a field: see onnx.proto for the numbers. */
function fieldHead(field: number, length: number): Uint8Array {
  return new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish()
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((total, { length }) => total + length, 0))
  let place = 0
  for (const part of parts) {
    bytes.set(part, place)
    place += part.length
  }
  return bytes
}

function encodeGraph(graph: Graph): GraphProto {
  return create(GraphProtoSchema, {
    name: 'graph',
    node: graph.nodes.map(encodeNode),
    initializer: [...graph.constants].map(([name, tensor]) => create(TensorProtoSchema, encodeTensor(tensor, name))),
    input: graph.inputs.map(encodePort),
    output: graph.outputs.map(encodePort),
  })
}

function encodeNode(node: GraphNode) {
  return create(NodeProtoSchema, {
    name: node.name,
    opType: node.operator,
    domain: node.domain,
    input: [...node.inputs],
    output: [...node.outputs],
    attribute: [...node.attributes].map(([name, attribute]) => encodeAttribute(name, attribute)),
  })
}

function encodeAttribute(name: string, attribute: Attribute): AttributeProto {
  const bytes = (text: string) => new TextEncoder().encode(text)
  switch (attribute.kind) {
    case 'int':
      return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: toBigInt(attribute.value) })
    case 'float':
      return create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: attribute.value })
    case 'string':
      return create(AttributeProtoSchema, { name, type: AttributeType.STRING, s: bytes(attribute.value) })
    case 'ints':
      return create(AttributeProtoSchema, { name, type: AttributeType.INTS, ints: attribute.value.map(toBigInt) })
    case 'floats':
      return create(AttributeProtoSchema, { name, type: AttributeType.FLOATS, floats: [...attribute.value] })
    case 'strings':
      return create(AttributeProtoSchema, { name, type: AttributeType.STRINGS, strings: attribute.value.map(bytes) })
    case 'tensor':
      return create(AttributeProtoSchema, {
        name,
        type: AttributeType.TENSOR,
        t: create(TensorProtoSchema, encodeTensor(attribute.value, '')),
      })
    case 'graph':
      return create(AttributeProtoSchema, { name, type: AttributeType.GRAPH, g: encodeGraph(attribute.value) })
    case 'function':
      throw new Error(`The attribute "${name}" is a function, which no file can hold.`)
  }
}

// decode.ts clamps "to the end" to a safe integer; the runtime expects a value beyond any axis, which this still is.
const toBigInt = (value: number) => BigInt(value)

function encodePort({ name, type, shape }: Port): ValueInfoProto {
  if (!type) return create(ValueInfoProtoSchema, { name })
  return create(ValueInfoProtoSchema, {
    name,
    type: {
      value: {
        case: 'tensorType',
        value: {
          elemType: elementTypeNumbers[type],
          ...(shape && {
            shape: {
              dim: shape.map((size) => ({
                value:
                  typeof size === 'number'
                    ? { case: 'dimValue' as const, value: BigInt(size) }
                    : { case: 'dimParam' as const, value: size },
              })),
            },
          }),
        },
      },
    },
  })
}

function encodeTensor({ type, shape, data }: Tensor, name: string) {
  return {
    name,
    dims: shape.map(BigInt),
    dataType: elementTypeNumbers[type],
    rawData: new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength),
  }
}
