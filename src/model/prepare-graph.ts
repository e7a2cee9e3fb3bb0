import { ModelError } from '../errors.js'
import {
  bodiesOf,
  elementCount,
  type Graph,
  type GraphNode,
  intAttribute,
  nodeLabel,
  type Port,
  type Tensor,
} from '../graph/graph.js'
import { mapNames } from '../graph/map-names.js'
import { prune } from '../graph/prune.js'
import { upgradeGraph } from '../graph/upgrade.js'
import { fixInputs, inputLeft, withFixedInputs } from './fixed-inputs.js'
import { expandMlOperators } from './ml-operators.js'
import type { ModelSettings } from './model-settings.js'

export interface PreparedGraph {
  /** Name of the input in the file. */
  readonly input: string
  /** What the other inputs of the file get, by their names there. */
  readonly fixedInputs: ReadonlyMap<string, Tensor>
  /** One float32 input with known features, one output; a classifier's are the logits. */
  readonly graph: Graph
  /** Name of the output in the file. */
  readonly output: string
  /** The Softmax that was taken off the end, if there was one. */
  readonly softmax: 'Softmax' | 'LogSoftmax' | undefined
  /** Batch size that the file asks for; undefined when it takes any. */
  readonly fixedBatch: number | undefined
}

// Sizes beyond these are damage rather than intention; running them would take all memory.
const mostFeatures = 2 ** 24
const mostSamples = 1024

export interface PrepareSettings extends Pick<ModelSettings, 'featureShape' | 'fixedInputs' | 'output'> {
  /** Takes a Softmax over the classes off the end. */
  readonly cutSoftmax: boolean
}

/** Finds the input and the output of a parsed model. */
export function prepareGraph(parsed: Graph, settings: PrepareSettings): PreparedGraph {
  const upgraded = upgradeGraph(parsed)
  refuseOtherPrecisions(upgraded)
  const fixedInputs = fixInputs(upgraded, settings.fixedInputs)
  const inputs = upgraded.inputs.filter(({ name }) => !fixedInputs.has(name))
  const { input, fixedBatch } = findInput({ ...upgraded, inputs }, settings.featureShape)
  const graph = withFixedInputs({ ...upgraded, inputs }, upgraded.inputs, fixedInputs)
  const output = findOutput(graph, settings.output)
  const whole = expandMlOperators(prune({ ...graph, inputs: [input], outputs: [{ name: output.name }] }))
  refuseRandom(whole)
  const last = settings.cutSoftmax ? whole.nodes.find(({ outputs }) => outputs.includes(output.name)) : undefined
  const softmax = last?.operator === 'Softmax' || last?.operator === 'LogSoftmax' ? last.operator : undefined
  const logits = softmax && isOverClasses(last!) ? last!.inputs[0] : output.name
  return {
    graph: renameValues({ ...whole, outputs: [{ name: logits }] }),
    output: output.name,
    softmax: logits === output.name ? undefined : softmax,
    input: input.name,
    fixedInputs,
    // What the others are given for one sample may not do for several.
    fixedBatch: fixedInputs.size > 0 ? (fixedBatch ?? 1) : fixedBatch,
  }
}

const randomOperators = /^(RandomNormal|RandomUniform)(Like)?$|^(Bernoulli|Multinomial)$/

/** A sample that is classified now this way and now that has no adversarial examples that could be checked. */
function refuseRandom({ nodes }: Graph): void {
  for (const node of nodes) {
    bodiesOf(node).forEach(refuseRandom)
    if (!randomOperators.test(node.operator)) continue
    throw new ModelError(
      `Node ${nodeLabel(node)} (${node.operator}) draws random numbers: what the model predicts changes from run to run, so no verdict would hold. Export the model without it.`,
    )
  }
}

/** Passes add values of their own to the model's; behind a prefix, its names never meet theirs. */
export function renameValues(graph: Graph): Graph {
  return mapNames(graph, (name) => `model/${name}`)
}

function findInput(
  graph: Graph,
  given: readonly number[] | undefined,
): { input: Port; fixedBatch: number | undefined } {
  const { name, type, shape } = inputLeft(graph.inputs)
  if (type !== 'float32')
    throw new ModelError(
      `The input "${name}" is ${type ?? 'of an unknown type'}; attacks need a float32 input. A text model can be exported from its embeddings on.`,
    )
  if (!shape || shape.length === 0)
    throw new ModelError(`The input "${name}" has no shape in the file; export the model with input shapes.`)
  const [batch, ...declared] = shape
  const features = given ?? declared
  const open = features.filter((size) => typeof size !== 'number')
  if (open.length > 0) {
    throw new ModelError(
      `The input "${name}" leaves sizes open: [${shape.join(', ')}]. Give the shape of one sample, as in { featureShape: [3, 224, 224] }.`,
    )
  }
  if (features.some((size) => !(Number(size) > 0)))
    throw new ModelError(`The input "${name}" has an empty shape: [${shape.join(', ')}].`)
  if (
    features.length !== declared.length ||
    declared.some((size, axis) => typeof size === 'number' && size !== features[axis])
  ) {
    throw new ModelError(
      `featureShape [${features.join(', ')}] contradicts the input "${name}" of shape [${shape.join(', ')}].`,
    )
  }
  const fixedBatch = typeof batch === 'number' && batch > 0 ? batch : undefined
  if (elementCount(features as number[]) > mostFeatures || (fixedBatch ?? 1) > mostSamples) {
    throw new ModelError(
      `The input "${name}" has shape [${shape.join(', ')}]: the file is damaged, or the model is too large to test.`,
    )
  }
  const input = { name, type, shape: ['batch', ...features] } as const
  return { input, fixedBatch }
}

/** Without a name the first output of float32 numbers: scikit-learn's first one has the predicted labels. */
function findOutput(graph: Graph, wanted: string | undefined): Port {
  const output =
    wanted === undefined
      ? (graph.outputs.find(({ type }) => type === 'float32') ?? graph.outputs[0])
      : graph.outputs.find(({ name }) => name === wanted)
  if (output) return output
  if (wanted === undefined) throw new ModelError('The model has no output.')
  throw new ModelError(
    `The model has no output "${wanted}"; it has ${graph.outputs.map(({ name }) => `"${name}"`).join(', ')}.`,
  )
}

// Logits are rows: the classes are the last of two axes, written 1 or -1.
function isOverClasses(node: GraphNode): boolean {
  return [1, -1].includes(intAttribute(node, 'axis', -1))
}

function refuseOtherPrecisions(graph: Graph): void {
  const other = [...graph.inputs.map((port): [string, Port | Tensor] => [port.name, port]), ...graph.constants].find(
    ([name, { type }]) =>
      type === 'float16' || (type === 'float64' && graph.inputs.some((input) => input.name === name)),
  )
  if (!other) return
  const [name, { type }] = other
  throw new ModelError(
    `"${name}" is ${type}: only float32 models can be tested, because verdicts hold for the arithmetic that is deployed. Export the model in float32.`,
  )
}

/**
 * The same graph with the batch size taken out of the targets of its Reshape nodes, where an exporter with a fixed
 * batch wrote it as the first size.
 */
export function releaseReshapes(graph: Graph, fixedBatch: number): Graph {
  const constants = new Map(graph.constants)
  for (const { operator, inputs } of graph.nodes) {
    const target = operator === 'Reshape' ? graph.constants.get(inputs[1]) : undefined
    if (!target || target.data.length < 2 || Number(target.data[0]) !== fixedBatch) continue
    const released = BigInt64Array.from(Array.from(target.data, BigInt))
    released[0] = 0n
    constants.set(inputs[1], { ...target, data: released })
  }
  return { ...graph, constants }
}
