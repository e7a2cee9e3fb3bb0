import { GraphBuilder } from '../../graph/builder.js'
import { elementCount, type Graph } from '../../graph/graph.js'
import { ruleOpset } from '../../graph/upgrade.js'
import { renameValues } from '../prepare-graph.js'
import type { NativeInputs } from './inputs.js'
import { UntranslatableError } from './layers/layer.js'
import { channelsLast, type Form, reshaped, type Value } from './layers/value.js'
import type { Tested } from './native.js'
import type { Constant, Operand, TopologyNode } from './nodes/node.js'
import { formOfSizes } from './nodes/operands.js'
import { nodeRules } from './nodes/rules.js'
import type { GraphModel, TfjsLibrary, TfjsTensor } from './tfjs.js'

/** TensorFlow.js computes these in another way than the operators of their translation, and rounds otherwise. */
const uncovered = new Set(['Erf', 'Expm1', 'Log1p', 'ResizeBilinear', 'Selu'])

/**
 * A graph model as an ONNX graph from its inputs, channels last, to what is tested. TensorFlow.js runs all of it once, which
 * tells the shapes of all values, and the numbers of those that do not depend on the input.
 * @throws UntranslatableError for a node without a translation; the message names it.
 */
export async function translateNodes(
  tf: TfjsLibrary,
  model: GraphModel,
  inputs: NativeInputs,
  nodes: readonly TopologyNode[],
  output: string,
  featureShape: readonly number[],
  { name: nameOfOutput, shape }: Pick<Tested, 'name' | 'shape'>,
): Promise<Graph> {
  const { order, activations } = whatLeadsTo(output, nodes, inputs)
  const unknown = order.find(({ op, name }) => activations.has(name) && op !== 'Placeholder' && !nodeRules.has(op))
  if (unknown) throw new UntranslatableError(`its node "${unknown.name}" (${unknown.op}) has no translation to ONNX`)
  const ran = await runAll(tf, model, inputs, order, activations, featureShape)
  const builder = new GraphBuilder(ruleOpset)
  const values = new Map<string, Value>()
  const operandOf = (reference: string): Operand => {
    const value = values.get(reference)
    return value ? { value } : { constant: ran.constants.get(reference)! }
  }
  for (const node of order) {
    if (!activations.has(node.name)) continue
    if (node.op === 'Placeholder') {
      values.set(`${node.name}:0`, inputs.declare(builder, node.name, featureShape))
      continue
    }
    const forms = ran.forms.get(node.name)!
    const whole = { operator: node.op, name: node.name, domain: '', inputs: [], outputs: [], attributes: new Map() }
    try {
      const operands = dataOf(node).map(operandOf)
      const outputs = builder.partsOf(whole, uncovered.has(node.op), () => {
        const made = nodeRules.get(node.op)!({ builder, node, operands, outputs: forms })
        return made.map((value, index) => reshaped(builder, value, forms[index]))
      })
      outputs.forEach((value, index) => values.set(`${node.name}:${index}`, value))
    } catch (error) {
      if (!(error instanceof UntranslatableError)) throw error
      throw new UntranslatableError(`its node "${node.name}" (${node.op}) has no translation to ONNX: ${error.message}`)
    }
  }
  const last = values.get(referenceOf(output))!
  builder.output(nameOfOutput, channelsLast(builder, reshaped(builder, last, { shape })))
  return renameValues(inputs.complete(builder.build()))
}

/** What these give depends on the shape of what they take. */
const ofShapes = new Set(['OnesLike', 'Rank', 'Shape', 'ShapeN', 'Size', 'ZerosLike'])

/** Names a value by its node and the number of its output. */
function referenceOf(input: string): string {
  return input.includes(':') ? input : `${input}:0`
}

function nodeOf(reference: string): string {
  return reference.slice(0, reference.lastIndexOf(':'))
}

/** The values that a node takes; a name after ^ only says what runs before it. */
function dataOf({ input = [] }: TopologyNode): string[] {
  return input.filter((name) => !name.startsWith('^')).map(referenceOf)
}

/** The nodes that an output needs, each behind those that it takes, and the names of those that
 * have a slice for each sample. */
export function whatLeadsTo(
  output: string,
  nodes: readonly TopologyNode[],
  { hasBatch }: NativeInputs,
): { order: readonly TopologyNode[]; activations: ReadonlySet<string> } {
  const byName = new Map(nodes.map((node) => [node.name, node]))
  const order = new Set<TopologyNode>()
  // What is waiting already is not waited for: loops lead back to where they came from.
  const entered = new Set<TopologyNode>()
  const activations = new Set<string>()
  // A stack of its own: networks are deeper than calls can be.
  const waiting = [byName.get(nodeOf(referenceOf(output)))!]
  while (waiting.length > 0) {
    const node = waiting[waiting.length - 1]
    const sources = dataOf(node).map((reference) => byName.get(nodeOf(reference))!)
    entered.add(node)
    const missing = sources.filter((source) => !order.has(source) && !entered.has(source))
    if (missing.length > 0) {
      waiting.push(...missing)
      continue
    }
    waiting.pop()
    order.add(node)
    const depends = !ofShapes.has(node.op) && sources.some(({ name }) => activations.has(name))
    if ((node.op === 'Placeholder' && hasBatch(node.name)) || depends) activations.add(node.name)
  }
  return { order: [...order], activations }
}

/** Runs the model on one sample, for the shapes of what depends on it and the numbers of what goes in there besides. */
async function runAll(
  tf: TfjsLibrary,
  model: GraphModel,
  { feed }: NativeInputs,
  order: readonly TopologyNode[],
  activations: ReadonlySet<string>,
  featureShape: readonly number[],
) {
  const constants = new Map<string, Constant>()
  const computed = new Set<string>()
  const used = new Map<string, Set<number>>()
  for (const node of order) {
    if (!activations.has(node.name)) continue
    used.set(node.name, used.get(node.name) ?? new Set([0]))
    for (const reference of dataOf(node)) {
      const source = nodeOf(reference)
      if (activations.has(source)) used.get(source)!.add(Number(reference.slice(source.length + 1)))
      else if (model.weights[source]) constants.set(reference, await constantOf(model.weights[source][0]))
      else computed.add(reference)
    }
  }
  const outputsOf = (name: string) => Array.from({ length: Math.max(...used.get(name)!) + 1 }, (_, index) => index)
  const wanted = order.flatMap(({ name, op }) =>
    activations.has(name) && op !== 'Placeholder' ? outputsOf(name).map((index) => `${name}:${index}`) : [],
  )
  const references = [...wanted, ...computed]
  const sample = new Float32Array(elementCount(featureShape)).fill(0.5)
  const ran = tf.tidy(() => model.execute(feed(tf.tensor(sample, [1, ...featureShape])), references))
  const tensors = [ran].flat()
  try {
    const forms = new Map<string, Form[]>()
    for (const [index, reference] of references.entries()) {
      const tensor = tensors[index]
      if (computed.has(reference)) {
        constants.set(reference, await constantOf(tensor))
        continue
      }
      const name = nodeOf(reference)
      forms.set(name, [...(forms.get(name) ?? []), formOfSizes(tensor.shape)])
    }
    return { forms, constants }
  } finally {
    for (const tensor of tensors) tensor.dispose()
  }
}

async function constantOf(tensor: TfjsTensor): Promise<Constant> {
  return { data: Float32Array.from(await tensor.data()), shape: tensor.shape, isLogical: tensor.dtype === 'bool' }
}
