import { refuseUnknown, settingsOf } from '../../arguments.js'
import { UnsupportedOperatorError } from '../../errors.js'
import { diameter } from '../../geometry/diameter.js'
import { GraphBuilder } from '../../graph/builder.js'
import { nodeLabel } from '../../graph/graph.js'
import type { Classifier } from '../../model/classifier.js'
import { largestBatch } from '../../model/predict-classes.js'
import { findOperator } from '../../operators/registry.js'
import { ruleContext } from '../../passes/context.js'
import { batches, range, takeSamples } from '../../sampling/rows.js'
import type { Bound, BoundContext } from '../bound.js'
import { euclideanNorm } from './euclidean-norm.js'
import { layerByLayer, outwards } from './layer-by-layer.js'
import {
  hessianBound,
  jacobianNorms,
  type Mlp,
  mostJacobians,
  producer,
  type SmoothActivation,
  trailingMlp,
  valuesGraph,
} from './mlp.js'
import { PairNorms } from './pair-norms.js'
import { unknownMargins } from './unknown-margins.js'

export const logistic = (x: number) => 1 / (1 + Math.exp(-x))

/** Largest first and second derivatives: at 0, and where the third derivative is 0. */
export const smoothActivations: ReadonlyMap<string, SmoothActivation> = new Map([
  ['Sigmoid', { first: 1 / 4, second: 1 / (6 * Math.sqrt(3)), derivative: (x) => logistic(x) * logistic(-x) }],
  ['Tanh', { first: 1, second: 4 / (3 * Math.sqrt(3)), derivative: (x) => 4 * logistic(2 * x) * logistic(-2 * x) }],
])

/**
 * For multi-layer perceptrons of Sigmoid and Tanh in ℓ2: the margin less what the Jacobian of the last hidden layer at the
 * sample and a bound of its second derivatives allow (Peck, "Lower bounds on the robustness to adversarial
 * perturbations", 2017, Theorem 4.2 with Algorithm 4.1, and with the true second derivative of tanh). It has no settings.
 * @throws SettingsError for any; UnsupportedOperatorError, when it runs, for other models: its argument needs second
 * derivatives, which Relu lacks.
 */
export function taylor(settings: Record<string, never> = {}): Bound {
  refuseUnknown('taylor', settingsOf('taylor', settings, '{}'))
  return {
    name: 'taylor',
    norm: 'l2',
    sound: true,
    settings: {},
    async margins(context, epsilon) {
      const { labels, model } = context
      const margins = unknownMargins(labels, model.classes)
      await forEachPair(context, ({ sample, other, constant, linear, square, reach }) => {
        const margin = constant - (linear + square * epsilon[sample]) * epsilon[sample]
        if (margin > Number.NEGATIVE_INFINITY && epsilon[sample] < reach)
          margins[sample * model.classes + other] = margin
      })
      return margins
    },
    async radii(context) {
      const { labels, model } = context
      const largest = diameter(model.domain, 'l2')
      const radii = new Float64Array(labels.length)
      const seen = new Set<number>()
      await forEachPair(context, ({ sample, constant, linear, square, reach }) => {
        const root = (2 * constant) / (linear + Math.sqrt(linear * linear + 4 * square * constant))
        const own = constant > 0 ? Math.min(root, reach, largest) * (1 - 2 ** -30) : 0
        radii[sample] = seen.has(sample) ? Math.min(radii[sample], own) : own
        seen.add(sample)
      })
      return radii
    },
  }
}

/** f_label − f_other is at least constant − linear·ε − square·ε² over the ball of radius ε. */
interface Parabola {
  readonly sample: number
  readonly other: number
  readonly constant: number
  readonly linear: number
  readonly square: number
  /** Nothing is known of balls that are no smaller. */
  readonly reach: number
}

async function forEachPair(context: BoundContext, visit: (parabola: Parabola) => void): Promise<void> {
  const { model, inputs, labels, budget } = context
  const { graph } = model
  const mlp = await wholeMlp(model)
  const hessian = hessianBound(mlp, smoothActivations)
  const pairNorms = await PairNorms.of(model, 'l2', [mlp.last])
  const names = mlp.hidden.map(({ value }) => value)
  const amplification = mlp.hidden.reduce((product, { activation, weights }) => {
    return product * Math.max(1, smoothActivations.get(activation.operator)!.first * euclideanNorm(weights))
  }, 1)
  const last = mlp.hidden.at(-1)
  for (const batch of batches(range(labels.length), Math.min(mostJacobians, largestBatch(model, 3)))) {
    if (!(await budget.next())) return
    const part = takeSamples(inputs, batch)
    const layers = await layerByLayer(model, 'l2', part, budget)
    if (!layers) return
    const data = Float64Array.from(part.data)
    const feeds = { [graph.inputs[0].name]: { type: 'float64', shape: part.shape, data } } as const
    const compute = () => model.compile('values of the hidden layers', () => valuesGraph(graph, names, 'float64'))
    const results = last ? await (await compute()).run(feeds) : {}
    const values = (name: string) => results[`value ${name}`].data as Float64Array
    const jacobians = last
      ? await jacobianNorms(model, mlp, smoothActivations, values, batch.length)
      : new Float64Array(batch.length).fill(1)
    batch.forEach((sample, index) => {
      const { numbers } = layers
      const inexact = layers.inexactPair(index)
      // Values have errors of float64, amplified on the way to a unit; so is what they change in its slope after it.
      const jacobian = jacobians[index] + 2 ** -36 * (1 + numbers.error[index]) * amplification ** 2
      const curvature = last ? (hessian * Math.sqrt(last.width)) / 2 : 0
      for (const other of range(model.classes)) {
        if (other === labels[sample]) continue
        const [norm] = pairNorms.get(labels[sample], other)
        const { margin } = layers.pair(index, labels[sample], other)
        visit({
          sample,
          other,
          constant: margin - inexact.error,
          linear: outwards * norm * jacobian + inexact.gain,
          square: outwards * norm * curvature,
          reach: layers.reach(index),
        })
      }
    })
  }
}

async function wholeMlp(model: Classifier): Promise<Mlp> {
  const { graph } = model
  const context = ruleContext(graph, new GraphBuilder(graph.opset))
  const isLinear = (node: Parameters<typeof nodeLabel>[0]) => findOperator(node)?.linear?.(node, context) !== undefined
  const mlp = await trailingMlp(model, isLinear, new Set(smoothActivations.keys()))
  const rest = producer(graph, mlp.start)
  if (!rest) return mlp
  throw new UnsupportedOperatorError({
    operator: rest.operator,
    node: nodeLabel(rest),
    analysis: 'Taylor bound',
    reason: 'only multi-layer perceptrons of Sigmoid and Tanh have one',
    remedy: "Use lipschitz({ norm: 'l2' }) or crown({ norm: 'l2' }).",
  })
}
