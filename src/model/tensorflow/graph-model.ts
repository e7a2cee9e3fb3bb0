import { ModelError } from '../../errors.js'
import { elementCount } from '../../graph/graph.js'
import { type Activation, countNames, type NativeModel, rowOf, severalInputs } from './native.js'
import type { TopologyNode } from './nodes/node.js'
import type { GraphModel, TfjsArtifacts, TfjsLibrary } from './tfjs.js'
import { translateNodes, whatLeadsTo } from './translate-nodes.js'

// TensorFlow.js runs these asynchronously only, and has no gradients of them.
const controlFlow = /^(Switch|Merge|Enter|Exit|NextIteration|LoopCond|(Stateless)?(If|While))$/

/** @throws ModelError when it has several inputs, no output of the name asked for, or control flow. */
export function openGraphModel(
  tf: TfjsLibrary,
  model: GraphModel,
  { modelTopology, weightSpecs = [] }: TfjsArtifacts,
  wanted: string | undefined,
): NativeModel {
  const [input, ...others] = model.inputs
  if (others.length > 0) throw severalInputs(model.inputs)
  const { node: nodes = [] } = modelTopology as { node?: readonly TopologyNode[] }
  const output = findOutput(model, nodes, wanted)
  const branch = whatLeadsTo(output, nodes).order.find(({ op }) => controlFlow.test(op))
  if (branch) {
    throw new ModelError(
      `The graph model has control flow (node "${branch.name}", ${branch.op}), which TensorFlow.js does not differentiate. Convert it without, or take an output before it: { output: '…' }.`,
    )
  }
  const { value, activation } = findLogits(nodes, output)
  return {
    input: { ...input, shape: input.shape?.map((size) => (size < 0 ? null : size)) },
    output,
    outputs: model.outputNodes,
    deployed: (inputs) => model.execute(inputs, output),
    logits: (inputs) => rowOf(tf, model.execute(inputs, value)),
    activation,
    operators: countNames(nodes.map(({ op }) => op).filter((op) => op !== 'Const' && op !== 'Placeholder')),
    parameters: weightSpecs.reduce((sum, { shape }) => sum + elementCount(shape), 0),
    translate: (featureShape, tested) =>
      translateNodes(tf, model, nodes, tested.ofLogits ? value : output, featureShape, tested),
  }
}

/** The node behind an output, which goes by the name in the signature as well. */
function findOutput(
  { outputs, outputNodes }: GraphModel,
  nodes: readonly TopologyNode[],
  wanted: string | undefined,
): string {
  const index = outputs.findIndex(({ name }, position) =>
    wanted === undefined ? position === 0 : [name, outputNodes[position]].includes(wanted),
  )
  if (index >= 0) return outputs[index].name
  const inner = nodes.find(({ name }) => name === wanted)
  if (inner) return inner.name
  const names = outputNodes.map((name) => `"${name}"`).join(', ')
  throw new ModelError(`The model has neither an output nor a node "${wanted}"; its outputs are ${names}.`)
}

/** What goes into a Softmax, or a Sigmoid, at the end, also where the Sigmoids are put into a row afterwards. */
function findLogits(nodes: readonly TopologyNode[], output: string): { value: string; activation?: Activation } {
  const byName = new Map(nodes.map((node) => [node.name, node]))
  const inputOf = (node: TopologyNode) => node.input![0].replace(/:0$/, '')
  const behind = (node: TopologyNode | undefined, passed: readonly string[]) => {
    let last = node
    while (last && passed.includes(last.op)) last = byName.get(inputOf(last))
    return last
  }
  const last = behind(byName.get(output.replace(/:0$/, '')), ['Identity'])
  if (last?.op === 'Softmax') return { value: inputOf(last), activation: 'softmax' }
  const bent = behind(last, ['Identity', 'Reshape', 'Squeeze'])
  if (bent?.op === 'Sigmoid') return { value: inputOf(bent), activation: 'sigmoid' }
  return { value: output }
}
