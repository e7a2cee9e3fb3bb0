import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { type GraphProto, ModelProtoSchema, NodeProtoSchema, type TensorProto } from '../../src/graph/onnx/onnx_pb.js'
import type { RandomSource } from '../../src/sampling/random.js'

type Mutation = (bytes: Uint8Array, random: RandomSource) => Uint8Array

const below = (random: RandomSource, count: number) => Math.floor(random.uniform() * count)
const pick = <T>(random: RandomSource, items: readonly T[]): T => items[below(random, items.length)]

/** Changes the graph of a model behind its protobuf form. */
function structural(change: (graph: GraphProto, random: RandomSource) => void): Mutation {
  return (bytes, random) => {
    const model = fromBinary(ModelProtoSchema, bytes)
    change(model.graph!, random)
    return toBinary(ModelProtoSchema, model)
  }
}

const absurd = [0n, -1n, 1n, 2n, 2n ** 20n, 2n ** 31n, 2n ** 40n, 2n ** 62n, -(2n ** 63n)]
const tensorOf = (graph: GraphProto, random: RandomSource): TensorProto => pick(random, graph.initializer)

/** Ways in which a model file goes bad, each named after what it does. */
export const mutations: Readonly<Record<string, Mutation>> = {
  'flips bits': (bytes, random) => {
    const copy = Uint8Array.from(bytes)
    for (let flip = 0; flip <= below(random, 8); flip++) copy[below(random, copy.length)] ^= 1 << below(random, 8)
    return copy
  },
  'flips bits near the structure': (bytes, random) => {
    const copy = Uint8Array.from(bytes)
    const start = pick(random, [0, Math.max(0, copy.length - 300)])
    copy[start + below(random, Math.min(300, copy.length - start))] ^= 1 << below(random, 8)
    return copy
  },
  truncates: (bytes, random) => bytes.slice(0, below(random, bytes.length)),
  'appends bytes': (bytes, random) =>
    Uint8Array.from([...bytes, ...Array.from({ length: 1 + below(random, 64) }, () => below(random, 256))]),
  'removes a stretch': (bytes, random) => {
    const start = below(random, bytes.length)
    return Uint8Array.from([...bytes.slice(0, start), ...bytes.slice(start + 1 + below(random, 64))])
  },
  'changes the shape of a tensor': structural((graph, random) => {
    const { dims } = tensorOf(graph, random)
    if (dims.length > 0) dims[below(random, dims.length)] = pick(random, absurd)
  }),
  'swaps the sizes of a tensor': structural((graph, random) => {
    tensorOf(graph, random).dims.reverse()
  }),
  'changes the data type of a tensor': structural((graph, random) => {
    tensorOf(graph, random).dataType = below(random, 20)
  }),
  'shortens the data of a tensor': structural((graph, random) => {
    const tensor = tensorOf(graph, random)
    tensor.rawData = tensor.rawData.slice(0, below(random, tensor.rawData.length + 1))
  }),
  'puts NaN or Infinity in a tensor': structural((graph, random) => {
    const tensor = tensorOf(graph, random)
    tensor.rawData = Uint8Array.from(tensor.rawData)
    const view = new DataView(tensor.rawData.buffer)
    if (view.byteLength >= 4)
      view.setFloat32(
        4 * below(random, Math.floor(view.byteLength / 4)),
        pick(random, [Number.NaN, Infinity, -Infinity, 3e38]),
        true,
      )
  }),
  'changes the input shape': structural((graph, random) => {
    const type = graph.input[0].type?.value
    if (type?.case === 'tensorType')
      pick(random, type.value.shape!.dim).value = { case: 'dimValue', value: pick(random, absurd) }
  }),
  'renames a value': structural((graph, random) => {
    const node = pick(random, graph.node)
    const side = pick(random, [node.input, node.output])
    if (side.length > 0)
      side[below(random, side.length)] = pick(random, [
        '',
        'nowhere',
        '__proto__',
        'constructor',
        graph.input[0].name,
        graph.output[0].name,
      ])
  }),
  'makes a cycle': structural((graph, random) => {
    const node = pick(random, graph.node)
    node.input[0] = pick(random, graph.node).output[0]
  }),
  'changes an operator': structural((graph, random) => {
    pick(random, graph.node).opType = pick(random, [
      '',
      'Relu',
      'Conv',
      'Gemm',
      'MaxPool',
      'Loop',
      'If',
      'Softmax',
      'NoSuchOperator',
      'Reshape',
      'LSTM',
    ])
  }),
  'changes an attribute': structural((graph, random) => {
    const attribute = pick(
      random,
      pick(random, graph.node).attribute.length > 0
        ? graph.node.flatMap((node) => node.attribute)
        : graph.node[0].attribute,
    )
    if (!attribute) return
    if (attribute.ints.length > 0) attribute.ints[below(random, attribute.ints.length)] = pick(random, absurd)
    attribute.i = pick(random, absurd)
    attribute.f = pick(random, [Number.NaN, 0, -1, 1e38])
  }),
  'removes a node': structural((graph, random) => {
    graph.node.splice(below(random, graph.node.length), 1)
  }),
  'repeats a node': structural((graph, random) => {
    graph.node.push(create(NodeProtoSchema, pick(random, graph.node)))
  }),
  'removes an output or an input': structural((graph, random) => {
    pick(random, [graph.output, graph.input]).pop()
  }),
}
