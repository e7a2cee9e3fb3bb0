import { type Attribute, elementCount, stringAttribute, type Tensor, type TypedGraph } from '../graph/graph.js'
import { ruleOpset } from '../graph/upgrade.js'
import { hostDomain } from '../operators/host-function.js'
import { batches, range, takeSamples } from '../sampling/rows.js'
import type { Inputs } from '../sampling/samples.js'

/** A model as two functions in JavaScript, over batches of at most `batchSize` samples. */
export interface HostedFunctions {
  readonly name: string
  readonly featureShape: readonly number[]
  /** Name of the output. */
  readonly output: string
  /** Shape of one sample's output. */
  readonly outputShape: readonly number[]
  readonly batchSize: number
  /** Outputs [n, ...outputShape]. */
  predict(inputs: Inputs): Promise<Float32Array>
  /** Gradient of Σ cotangents · outputs, shaped like the inputs; or the reason why there is none. */
  readonly gradient: ((inputs: Inputs, cotangents: Float32Array) => Promise<Float32Array>) | string
  /** Why the model shows no operators. */
  readonly opaque: string
}

/** The graph of a model that is no more than a function: one node that calls it. */
export function hostedGraph({
  name,
  featureShape,
  output: outputName,
  outputShape,
  batchSize,
  predict,
  gradient,
  opaque,
}: HostedFunctions): TypedGraph {
  // As the names in files are: see renameValues.
  const [input, output] = ['model/input', `model/${outputName}`]
  let last: Promise<unknown> = Promise.resolve()
  // A function may rely on being called again only after it is done.
  const inTurn = (call: () => Promise<Float32Array>) => {
    const result = last.then(call)
    last = result.catch(() => {})
    return result
  }
  const inBatches = async (
    tensors: readonly Tensor[],
    size: number,
    run: (parts: readonly Inputs[]) => Promise<Float32Array>,
  ) => {
    const [count] = tensors[0].shape
    const results = new Float32Array(count * size)
    for (const part of batches(range(count), batchSize)) {
      const inputs = tensors.map((tensor) => takeSamples(tensor as Inputs, part))
      results.set(await inTurn(() => run(inputs)), part[0] * size)
    }
    return results
  }
  const attributes = new Map<string, Attribute>([
    ['model', { kind: 'string', value: name }],
    ['opaque', { kind: 'string', value: opaque }],
    [
      'run',
      {
        kind: 'function',
        value: async ([point]) => ({
          type: 'float32',
          shape: [point.shape[0], ...outputShape],
          data: await inBatches([point], elementCount(outputShape), ([inputs]) => predict(inputs)),
        }),
      },
    ],
  ])
  if (typeof gradient === 'string') attributes.set('withoutGradient', { kind: 'string', value: gradient })
  else {
    attributes.set('gradient', {
      kind: 'function',
      value: async ([point, cotangents]) => ({
        type: 'float32',
        shape: point.shape,
        data: await inBatches([point, cotangents], elementCount(featureShape), ([inputs, seeds]) =>
          gradient(inputs, seeds.data),
        ),
      }),
    })
  }
  return {
    opset: ruleOpset,
    inputs: [{ name: input, type: 'float32', shape: ['batch', ...featureShape] }],
    outputs: [{ name: output }],
    nodes: [{ operator: 'HostFunction', name, domain: hostDomain, inputs: [input], outputs: [output], attributes }],
    constants: new Map(),
    alike: new Map(),
    values: new Map([
      [input, { type: 'float32', shape: [{ batch: 1 }, ...featureShape] }],
      [output, { type: 'float32', shape: [{ batch: 1 }, ...outputShape] }],
    ]),
  }
}

/** Why no more is known of a model than what it computes; undefined where its graph is there. */
export function reasonForOpacity({ nodes }: TypedGraph): string | undefined {
  const node = nodes.find(({ domain }) => domain === hostDomain)
  return node && stringAttribute(node, 'opaque', '')
}
