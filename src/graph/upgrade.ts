import { ModelError } from '../errors.js'
import {
  type Attribute,
  bodiesOf,
  floatAttribute,
  type Graph,
  type GraphNode,
  intAttribute,
  intsAttribute,
  mapBodies,
  nodeLabel,
  type Tensor,
} from './graph.js'

/** The opset that every rule of this package is written for; newer models keep theirs. */
export const ruleOpset = 18
const oldestOpset = 7

const axesReductions = new Set([
  'ReduceMean',
  'ReduceMax',
  'ReduceMin',
  'ReduceProd',
  'ReduceL1',
  'ReduceL2',
  'ReduceLogSum',
  'ReduceLogSumExp',
  'ReduceSumSquare',
])

/**
 * Rewrites older operator forms (bounds and axes as attributes) to those of opset {@link ruleOpset}, takes Constant
 * nodes in as constants, and removes Dropout, which does nothing at inference. `names` counts the values that it makes.
 * @throws ModelError for opsets below 7 and for models in training mode.
 */
export function upgradeGraph(graph: Graph, names = { count: 0 }): Graph {
  if (graph.opset < oldestOpset) {
    throw new ModelError(
      `The model uses opset ${graph.opset}; the oldest that can be read is ${oldestOpset}. Export it again with a newer opset.`,
    )
  }
  const constants = new Map(graph.constants)
  const ints = (values: readonly number[]) =>
    constant({ type: 'int64', shape: [values.length], data: BigInt64Array.from(values, BigInt) })
  const floats = (values: readonly number[]) =>
    constant({ type: 'float32', shape: [values.length], data: Float32Array.from(values) })
  const scalar = (value: number) => constant({ type: 'float32', shape: [], data: Float32Array.of(value) })
  const fresh = () => `upgraded:${names.count++}`
  const constant = (tensor: Tensor) => {
    const name = fresh()
    constants.set(name, tensor)
    return name
  }

  const upgradeNode = (node: GraphNode): GraphNode | readonly GraphNode[] | undefined => {
    if (node.domain !== '') return node
    const { operator } = node
    const from = (version: number) => graph.opset < version
    const rewritten = (inputs: readonly string[], ...dropped: string[]): GraphNode => ({
      ...node,
      inputs,
      attributes: new Map([...node.attributes].filter(([name]) => !dropped.includes(name))),
    })
    const axesAsInput = () => {
      const axes = intsAttribute(node, 'axes')
      return axes ? rewritten([node.inputs[0], ints(axes)], 'axes') : node
    }

    if (bodiesOf(node).length > 0) return mapBodies(node, (body) => upgradeGraph(body, names))
    if (operator === 'Constant') {
      constants.set(node.outputs[0], constantValue(node))
      return undefined
    }
    if (operator === 'Dropout') {
      const flag = node.inputs[2] ? constants.get(node.inputs[2]) : undefined
      if (flag && Number(flag.data[0]) !== 0) throw trainingMode(node)
      return {
        ...node,
        operator: 'Identity',
        inputs: [node.inputs[0]],
        outputs: [node.outputs[0]],
        attributes: new Map(),
      }
    }
    if (operator === 'BatchNormalization') {
      if (intAttribute(node, 'training_mode', 0) !== 0 || (graph.opset < 14 && node.outputs.filter(Boolean).length > 1))
        throw trainingMode(node)
      return rewritten(node.inputs, 'momentum', 'spatial', 'training_mode')
    }
    if (from(18) && axesReductions.has(operator)) return axesAsInput()
    if (from(13) && ['ReduceSum', 'Squeeze', 'Unsqueeze'].includes(operator)) return axesAsInput()
    if (from(13) && ['Softmax', 'LogSoftmax', 'Hardmax'].includes(operator)) {
      const axis = intAttribute(node, 'axis', 1)
      const isOfRows = graph.outputs.some(({ name, shape }) => name === node.outputs[0] && (shape?.length ?? 2) === 2)
      return axis === -1 || isOfRows ? withAxis(node, axis) : normalizeTogether(node, axis, fresh, ints)
    }
    if (operator === 'Split') {
      const split = intsAttribute(node, 'split')
      if (split) return rewritten([node.inputs[0], ints(split)], 'split')
      if (from(18) && !node.inputs[1]) {
        return {
          ...node,
          attributes: new Map(node.attributes).set('num_outputs', { kind: 'int', value: node.outputs.length }),
        }
      }
      return node
    }
    if (from(11) && operator === 'Clip') {
      const bound = (name: string) => (node.attributes.has(name) ? scalar(floatAttribute(node, name, 0)) : '')
      return rewritten([node.inputs[0], bound('min'), bound('max')], 'min', 'max')
    }
    if (from(11) && operator === 'Pad') {
      return rewritten(
        [node.inputs[0], ints(intsAttribute(node, 'pads') ?? []), scalar(floatAttribute(node, 'value', 0))],
        'pads',
        'value',
      )
    }
    if (operator === 'Upsample' || (operator === 'Resize' && from(11))) {
      const scales = node.attributes.get('scales')
      const given = scales?.kind === 'floats' ? floats(scales.value) : node.inputs[1]
      const mode = node.attributes.get('mode') ?? text('nearest')
      return {
        ...node,
        operator: 'Resize',
        inputs: [node.inputs[0], '', given],
        attributes: new Map([
          ['mode', mode],
          ['coordinate_transformation_mode', text('asymmetric')],
          ['nearest_mode', text('floor')],
        ]),
      }
    }
    if (operator === 'Scatter') return { ...node, operator: 'ScatterElements' }
    if (from(10) && operator === 'Slice') {
      const axes = intsAttribute(node, 'axes')
      const bounds = [ints(intsAttribute(node, 'starts') ?? []), ints(intsAttribute(node, 'ends') ?? [])]
      return rewritten([node.inputs[0], ...bounds, ...(axes ? [ints(axes)] : [])], 'starts', 'ends', 'axes')
    }
    return node
  }

  const nodes = graph.nodes.flatMap((node) => upgradeNode(node) ?? [])
  return { ...graph, opset: Math.max(graph.opset, ruleOpset), nodes, constants }
}

/** The old Softmax and its kin normalise over the axis and all that follow it together. */
function normalizeTogether(
  node: GraphNode,
  axis: number,
  fresh: () => string,
  ints: (values: readonly number[]) => string,
): GraphNode[] {
  // The node that normalises keeps the name: onnxruntime wants names once.
  const made = (operator: string, inputs: readonly string[], attributes: GraphNode['attributes'] = new Map()) => ({
    ...node,
    name: '',
    operator,
    inputs,
    outputs: [fresh()],
    attributes,
  })
  const [input] = node.inputs
  const shape = made('Shape', [input])
  const kept = made('Slice', [shape.outputs[0], ints([0]), ints([axis])])
  const target = made('Concat', [kept.outputs[0], ints([-1])], new Map([['axis', { kind: 'int', value: 0 }]]))
  const together = made('Reshape', [input, target.outputs[0]])
  const normalized = { ...withAxis(node, -1), inputs: together.outputs, outputs: [fresh()] }
  const restored = {
    ...made('Reshape', [normalized.outputs[0], shape.outputs[0]]),
    outputs: node.outputs,
  }
  return [shape, kept, target, together, normalized, restored]
}

function withAxis(node: GraphNode, value: number): GraphNode {
  return { ...node, attributes: new Map<string, Attribute>([['axis', { kind: 'int', value }]]) }
}

function constantValue(node: GraphNode): Tensor {
  for (const [name, attribute] of node.attributes) {
    if (attribute.kind === 'tensor') return attribute.value
    if (name === 'value_float' && attribute.kind === 'float')
      return { type: 'float32', shape: [], data: Float32Array.of(attribute.value) }
    if (name === 'value_int' && attribute.kind === 'int')
      return { type: 'int64', shape: [], data: BigInt64Array.of(BigInt(attribute.value)) }
    if (name === 'value_floats' && attribute.kind === 'floats') {
      return { type: 'float32', shape: [attribute.value.length], data: Float32Array.from(attribute.value) }
    }
    if (name === 'value_ints' && attribute.kind === 'ints') {
      return { type: 'int64', shape: [attribute.value.length], data: BigInt64Array.from(attribute.value, BigInt) }
    }
  }
  throw new ModelError(`Constant node ${nodeLabel(node)} has no value that can be read.`)
}

function trainingMode(node: GraphNode): ModelError {
  return new ModelError(
    `Node ${nodeLabel(node)} (${node.operator}) is in training mode. Export the model in evaluation mode (in PyTorch: model.eval()).`,
  )
}

function text(value: string): Attribute {
  return { kind: 'string', value }
}
