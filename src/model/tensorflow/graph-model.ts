import { ModelError } from '../../errors.js'
import { elementCount } from '../../graph/graph.js'
import { type Activation, countNames, type NativeModel } from './native.js'
import type { GraphModel, TfjsArtifacts } from './tfjs.js'

interface TopologyNode {
  readonly name: string
  readonly op: string
  readonly input?: readonly string[]
}

// TensorFlow.js runs these asynchronously only, and has no gradients of them.
const controlFlow = /^(Switch|Merge|Enter|Exit|NextIteration|LoopCond|(Stateless)?(If|While))$/

/** @throws ModelError when it has several inputs, no output of the name asked for, or control flow. */
export function openGraphModel(
  model: GraphModel,
  { modelTopology, weightSpecs = [] }: TfjsArtifacts,
  wanted: string | undefined,
): NativeModel {
  const [input, ...others] = model.inputs
  if (others.length > 0) throw new ModelError(`The model has ${model.inputs.length} inputs; it must have one.`)
  const output = findOutput(model, wanted)
  const { node: nodes = [] } = modelTopology as { node?: readonly TopologyNode[] }
  const branch = nodes.find(({ op }) => controlFlow.test(op))
  if (branch) {
    throw new ModelError(
      `The graph model has control flow (node "${branch.name}", ${branch.op}), which TensorFlow.js does not differentiate. Convert it without.`,
    )
  }
  const { value, activation } = findLogits(nodes, output)
  return {
    input: { ...input, shape: input.shape?.map((size) => (size < 0 ? null : size)) },
    output,
    deployed: (inputs) => model.execute(inputs, output),
    logits: (inputs) => model.execute(inputs, value),
    activation,
    operators: countNames(nodes.map(({ op }) => op).filter((op) => op !== 'Const' && op !== 'Placeholder')),
    parameters: weightSpecs.reduce((sum, { shape }) => sum + elementCount(shape), 0),
    layers: undefined,
  }
}

/** The node behind an output, which goes by the name in the signature as well. */
function findOutput({ outputs, outputNodes }: GraphModel, wanted: string | undefined): string {
  const index = outputs.findIndex(({ name }, position) =>
    wanted === undefined ? position === 0 : [name, outputNodes[position]].includes(wanted),
  )
  if (index >= 0) return outputs[index].name
  const names = outputNodes.map((name) => `"${name}"`).join(', ')
  throw new ModelError(`The model has no output "${wanted}"; it has ${names}.`)
}

/** What goes into a Softmax, or a Sigmoid, at the end. */
function findLogits(nodes: readonly TopologyNode[], output: string): { value: string; activation?: Activation } {
  const byName = new Map(nodes.map((node) => [node.name, node]))
  const inputOf = (node: TopologyNode) => node.input![0].replace(/:0$/, '')
  let last = byName.get(output.replace(/:0$/, ''))
  while (last?.op === 'Identity') last = byName.get(inputOf(last))
  if (last?.op === 'Softmax') return { value: inputOf(last), activation: 'softmax' }
  if (last?.op === 'Sigmoid') return { value: inputOf(last), activation: 'sigmoid' }
  return { value: output }
}
