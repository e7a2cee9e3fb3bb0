import { elementCount, floatAttribute, type GraphNode, intAttribute, intsAttribute } from '../../graph/graph.js'
import type { Classifier } from '../../model/classifier.js'
import { range } from '../../sampling/rows.js'
import * as layer from './layers.js'

/**
 * From the robustness of what a node makes to that of what it takes. `value` gives one sample's values, of those that
 * {@link valuesOf} names.
 */
type Formula = (robustness: number, node: GraphNode, model: Classifier, value: (name: string) => Float32Array) => number

const pooled: Formula = (robustness, node, model) => layer.pooling(robustness, sizes(node.outputs[0], model).slice(1))

/** What the paper has for each operator before the multi-layer perceptron at the end. */
export const formulas: Readonly<Record<string, Formula>> = {
  // Lemma A.2: it never makes a norm larger.
  Relu: (robustness) => robustness,
  Flatten: (robustness) => robustness,
  Reshape: (robustness) => robustness,
  Conv: (robustness, node, { graph }) =>
    layer.convolution(robustness, graph.constants.get(node.inputs[1])!.data as Float32Array),
  MaxPool: pooled,
  AveragePool: pooled,
  GlobalMaxPool: pooled,
  GlobalAveragePool: pooled,
  LpPool: (robustness, node, model) =>
    layer.powerPooling(
      robustness,
      sizes(node.outputs[0], model).slice(1),
      intsAttribute(node, 'kernel_shape')!,
      intAttribute(node, 'p', 2),
    ),
  BatchNormalization(robustness, node, model, value) {
    const [scale, shift, mean, variance] = node.inputs
      .slice(1)
      .map((name) => model.graph.constants.get(name)!.data as Float32Array)
    const epsilon = floatAttribute(node, 'epsilon', 1e-5)
    const perChannel = elementCount(sizes(node.outputs[0], model).slice(1))
    return layer.batchNormalization(robustness, value(node.inputs[0]), value(node.outputs[0]), (element) => {
      const channel = Math.floor(element / perChannel)
      return {
        scale: scale[channel],
        shift: shift[channel],
        mean: mean[channel],
        variance: variance[channel] + epsilon,
      }
    })
  },
  LRN(robustness, node, model, value) {
    const [channels, ...rest] = sizes(node.outputs[0], model)
    const size = intAttribute(node, 'size', 1)
    const perChannel = elementCount(rest)
    return layer.localResponseNormalization(robustness, value(node.inputs[0]), {
      alpha: floatAttribute(node, 'alpha', 1e-4) / size,
      beta: floatAttribute(node, 'beta', 0.75),
      bias: floatAttribute(node, 'bias', 1),
      window(element) {
        const channel = Math.floor(element / perChannel)
        const first = Math.max(0, channel - (size - 1) / 2)
        const last = Math.min(channels - 1, channel + (size - 1) / 2)
        return range(last - first + 1).map((at) => (first + at) * perChannel + (element % perChannel))
      },
    })
  },
}

/** Names of the values that the formula of a node needs. */
export function valuesOf(node: GraphNode): string[] {
  if (node.operator === 'BatchNormalization') return [node.inputs[0], node.outputs[0]]
  return node.operator === 'LRN' ? [node.inputs[0]] : []
}

function sizes(value: string, { graph }: Classifier): number[] {
  return graph.values.get(value)!.shape.slice(1) as number[]
}
