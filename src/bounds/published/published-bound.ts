import { refuseUnknown, settingsOf } from '../../arguments.js'
import { UnsupportedOperatorError } from '../../errors.js'
import { diameter } from '../../geometry/diameter.js'
import { type GraphNode, nodeLabel } from '../../graph/graph.js'
import type { Classifier } from '../../model/classifier.js'
import { largestBatch } from '../../model/predict-classes.js'
import { batches, range, takeSamples } from '../../sampling/rows.js'
import type { Bound, BoundContext } from '../bound.js'
import { type LinearNorms, linearNorms } from '../lipschitz/linear-norms.js'
import {
  activationInputs,
  hessianBound,
  jacobianNorms,
  type Mlp,
  mostJacobians,
  producer,
  trailingMlp,
  valuesGraph,
} from '../lipschitz/mlp.js'
import { PairNorms } from '../lipschitz/pair-norms.js'
import { unknownMargins } from '../lipschitz/unknown-margins.js'
import { publishedActivations } from './activations.js'
import { formulas, valuesOf } from './formulas.js'
import { fullyConnected } from './layers.js'

const denseOperators = new Set(['Gemm', 'MatMul', 'Add', 'Sub', 'Identity'])

/**
 * Peck's bound as published ("Lower bounds on the robustness to adversarial perturbations", 2017): Theorem 4.2 with
 * Algorithm 4.1 for the multi-layer perceptron at the end, and Algorithm 5.1 layer by layer before it, in ℓ2.
 *
 * **Unsound**: smaller adversarial perturbations than it says are impossible do exist (docs/bounds.md). It is here to
 * reproduce the paper, and assertions refuse it. Use {@link lipschitz} or {@link taylor}, the same with what was wrong put
 * right, or {@link crown}. It has no settings.
 * @throws SettingsError for any; UnsupportedOperatorError, when it runs, for layers that the paper has no formula for,
 * residual connections too.
 */
export function publishedPeck(settings: Record<string, never> = {}): Bound {
  refuseUnknown('publishedPeck', settingsOf('publishedPeck', settings, '{}'))
  return {
    name: 'publishedPeck (unsound)',
    norm: 'l2',
    sound: false,
    settings: {},
    // The formula gives one number per sample; margins are those at the sample, falling to 0 there.
    async margins(context, epsilon) {
      const { labels, model, inputs } = context
      const margins = unknownMargins(labels, model.classes)
      const radii = await publishedRadii(context)
      for (const batch of batches(range(labels.length), largestBatch(model))) {
        if (context.budget.exhausted) return margins
        const logits = await model.predict(takeSamples(inputs, batch))
        batch.forEach((sample, index) => {
          const own = logits[index * model.classes + labels[sample]]
          for (const other of range(model.classes)) {
            if (other === labels[sample] || !(radii[sample] > 0)) continue
            const margin = own - logits[index * model.classes + other]
            margins[sample * model.classes + other] = margin * (1 - epsilon[sample] / radii[sample])
          }
        })
      }
      return margins
    },
    radii: publishedRadii,
  }
}

async function publishedRadii({ model, inputs, labels, budget }: BoundContext): Promise<Float64Array> {
  const { graph, classes } = model
  const mlp = await trailingMlp(
    model,
    ({ operator }) => denseOperators.has(operator),
    new Set(publishedActivations.keys()),
  )
  const before = nodesBefore(model, mlp)
  const norms = before.some((node) => !(node.operator in formulas)) ? await linearNorms(model, 'l2', budget) : new Map()
  if (!norms) return new Float64Array(labels.length)
  const pairNorms = await PairNorms.of(model, 'l2', [mlp.last])
  const secondDerivative = hessianBound(mlp, publishedActivations)
  const names = [
    ...new Set([...mlp.hidden.map(({ value }) => value), ...before.flatMap(valuesOf), graph.outputs[0].name]),
  ]
  const radii = new Float64Array(labels.length)
  const largest = diameter(model.domain, 'l2')
  for (const batch of batches(range(labels.length), Math.min(mostJacobians, largestBatch(model, 2)))) {
    if (!(await budget.next())) return radii
    const part = takeSamples(inputs, batch)
    const compiled = await model.compile('published: values', () => valuesGraph(graph, names, 'float32'))
    const results = await compiled.run({ [graph.inputs[0].name]: { type: 'float32', ...part } })
    const values = (name: string) => results[`value ${name}`].data as Float32Array
    const logits = values(graph.outputs[0].name)
    const jacobians = mlp.hidden.length
      ? await jacobianNorms(model, mlp, publishedActivations, values, batch.length)
      : undefined
    batch.forEach((sample, index) => {
      const own = logits[index * classes + labels[sample]]
      // Lemma 3.5: the distance to the nearest boundary of the softmax layer.
      let robustness = Number.POSITIVE_INFINITY
      for (const other of range(classes)) {
        if (other === labels[sample]) continue
        const [norm] = pairNorms.get(labels[sample], other)
        robustness = Math.min(robustness, (own - logits[index * classes + other]) / norm)
      }
      if (jacobians) {
        robustness = fullyConnected(robustness, jacobians[index], secondDerivative, mlp.hidden.at(-1)!.width)
      }
      for (const node of before) {
        const slice = (name: string) => {
          const data = values(name)
          const width = data.length / batch.length
          return data.subarray(index * width, (index + 1) * width)
        }
        robustness = formulas[node.operator]?.(robustness, node, model, slice) ?? robustness / linearNorm(node, norms)
      }
      radii[sample] = robustness > 0 ? Math.min(robustness, largest) : 0
    })
  }
  return radii
}

/** Nodes from the MLP back to the input. */
function nodesBefore({ graph }: Classifier, mlp: Mlp): GraphNode[] {
  const nodes: GraphNode[] = []
  for (let value = mlp.start; ; ) {
    const node = producer(graph, value)
    if (!node) return nodes
    const inputs = activationInputs(graph, node)
    if (inputs.length !== 1) throw unsupported(node)
    nodes.push(node)
    value = inputs[0]
  }
}

/** Scaling of the input, say, which the paper leaves out: what holds. */
function linearNorm(node: GraphNode, norms: LinearNorms): number {
  const found = norms.get(node)?.flatMap((outputs) => outputs ?? [])
  if (!found) throw unsupported(node)
  return found[0].signed
}

function unsupported(node: GraphNode): UnsupportedOperatorError {
  return new UnsupportedOperatorError({
    operator: node.operator,
    node: nodeLabel(node),
    analysis: 'published bound',
    remedy: "The paper has no formula for it. Use lipschitz({ norm: 'l2' }) or crown({ norm: 'l2' }).",
  })
}
