import { ModelError } from '../../errors.js'
import { elementCount } from '../../graph/graph.js'
import { nativeInputs } from './inputs.js'
import { type Activation, countNames, type NativeModel } from './native.js'
import type { TopologyNode } from './nodes/node.js'
import type { GraphModel, TfjsArtifacts, TfjsLibrary } from './tfjs.js'
import type { TfjsModelSettings } from './tfjs-model-settings.js'
import { translateNodes, whatLeadsTo } from './translate-nodes.js'

// TensorFlow.js runs these asynchronously only, and has no gradients of them.
const controlFlow = /^(Switch|Merge|Enter|Exit|NextIteration|LoopCond|(Stateless)?(If|While))$/

/**
 * @throws ModelError when it has several inputs that are left to test, no output of the name asked for, or control flow.
 * @throws SettingsError for fixed inputs that do not fit the model.
 */
export function openGraphModel(
  tf: TfjsLibrary,
  model: GraphModel,
  { modelTopology, weightSpecs = [] }: TfjsArtifacts,
  { output: wanted, fixedInputs }: TfjsModelSettings,
): NativeModel {
  const declared = model.inputs.map(({ shape, ...input }) => ({
    ...input,
    shape: shape?.map((size) => (size < 0 ? null : size)),
  }))
  const inputs = nativeInputs(tf, declared, fixedInputs)
  const { node: nodes = [] } = modelTopology as { node?: readonly TopologyNode[] }
  const output = findOutput(model, nodes, wanted)
  const branch = whatLeadsTo(output, nodes, inputs).order.find(({ op }) => controlFlow.test(op))
  if (branch) {
    throw new ModelError(
      `The graph model has control flow (node "${branch.name}", ${branch.op}), which TensorFlow.js does not differentiate. Convert it without, or take an output before it: { output: '…' }.`,
    )
  }
  const { value, activation } = findLogits(nodes, output)
  return {
    isLayers: false,
    input: inputs.tested,
    output,
    outputs: model.outputNodes,
    deployed: (samples) => model.execute(inputs.feed(samples), output),
    logits: (samples) => model.execute(inputs.feed(samples), value),
    activation,
    operators: countNames(nodes.map(({ op }) => op).filter((op) => op !== 'Const' && op !== 'Placeholder')),
    parameters: weightSpecs.reduce((sum, { shape }) => sum + elementCount(shape), 0),
    translate: (featureShape, tested) =>
      translateNodes(tf, model, inputs, nodes, tested.ofLogits ? value : output, featureShape, tested),
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

/** What goes into a Softmax, or a Sigmoid, at the end, also where that is put into a row afterwards. */
function findLogits(nodes: readonly TopologyNode[], output: string): { value: string; activation?: Activation } {
  const byName = new Map(nodes.map((node) => [node.name, node]))
  const inputOf = (node: TopologyNode) => node.input![0].replace(/:0$/, '')
  let last = byName.get(output.replace(/:0$/, ''))
  while (last && ['Identity', 'Reshape', 'Squeeze'].includes(last.op)) last = byName.get(inputOf(last))
  if (last?.op === 'Softmax') return { value: inputOf(last), activation: 'softmax' }
  if (last?.op === 'Sigmoid') return { value: inputOf(last), activation: 'sigmoid' }
  return { value: output }
}
