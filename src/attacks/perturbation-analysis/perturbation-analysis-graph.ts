import type { AttackNorm } from '../../geometry/norm.js'
import type { GraphBuilder } from '../../graph/builder.js'
import type { Graph, TypedGraph } from '../../graph/graph.js'
import { mapTypedNames } from '../../graph/map-names.js'
import { ruleContext } from '../../passes/context.js'
import { derivativeContext } from '../../passes/derivative-context.js'
import { emitForward } from '../../passes/forward.js'
import { emitGradient } from '../../passes/gradient.js'
import { classCount } from '../../passes/gradient-graph.js'
import type { LossName } from '../../passes/losses.js'
import { poolBeforeRelu } from '../../passes/pool-before-relu.js'
import { type AscentStep, emitAscent } from '../iteration/ascent.js'
import { emitAttackLoss } from '../iteration/emit-attack-loss.js'
import { emitFeasible, emitFreeDirections } from '../iteration/free-directions.js'
import { type Carried, type Iteration, loopGraph } from '../iteration/loop-graph.js'
import { emitBestSubset, type Subsets } from './best-subset.js'

/** The losses that the papers linearise. */
export type PerturbationLoss = Extract<LossName, 'cross-entropy' | 'margin' | 'logit'>

export interface PerturbationAnalysisGraphSettings {
  readonly norm: AttackNorm
  readonly loss: PerturbationLoss
  /** Whether `labels` are classes to move to rather than away from. */
  readonly targeted: boolean
  /** Whether steps start elsewhere than where the gradient is taken. */
  readonly dithered: boolean
  /** Each step changes the features of one of these, never the same one twice. Default: all features at every step. */
  readonly subsets?: Subsets
  /** Models whose losses are added up. Default: the model itself. */
  readonly surrogates?: readonly TypedGraph[]
}

/**
 * The norm-constrained step, iterated, as a {@link loopGraph}. Its further inputs: `origin` (shaped like the model's
 * input), `lower` and `upper` (bounds of every coordinate: the domain, for ℓ∞ within the ball), `epsilon` and `step`
 * (float32, input units, with axes of size 1 in place of the features). With `dithered` it carries `base`, where the
 * next step starts; with subsets `used` (0 or 1, [batch, subsets]).
 */
export function perturbationAnalysisGraph(
  graph: TypedGraph,
  { norm, loss, targeted, dithered, subsets, surrogates }: PerturbationAnalysisGraphSettings,
): Graph {
  const [input] = graph.inputs
  const shape = input.shape!
  const featureShape = shape.slice(1) as number[]
  const perSample = ['batch', ...featureShape.map(() => 1)]
  const carried: Carried[] = []
  if (dithered) carried.push({ name: 'base', type: 'float32' })
  if (subsets) carried.push({ name: 'used', type: 'float32', shape: [subsets.length] })
  const others = surrogates?.map((surrogate, index) => besides(surrogate, input.name, index))
  const opset = Math.max(graph.opset, ...(surrogates ?? []).map((surrogate) => surrogate.opset))

  return loopGraph({ ...graph, opset }, { targeted, carried }, (builder, labels) => {
    const step: AscentStep = {
      origin: builder.input('origin', 'float32', shape),
      lower: builder.input('lower', 'float32', shape),
      upper: builder.input('upper', 'float32', shape),
      epsilon: builder.input('epsilon', 'float32', perSample),
      size: builder.input('step', 'float32', perSample),
      featureShape,
    }
    // The cross-entropy of the label rises, its margin and its logit fall as a sample moves away; with targets it is the reverse.
    const ascends = (loss === 'cross-entropy') !== targeted
    const seed = (body: GraphBuilder, logits: string) => {
      const { gradient } = emitAttackLoss(body, loss, logits, labels, classCount(graph))
      return ascends ? gradient : body.add('Neg', [gradient])
    }
    const uphillOf = ({ body, logits, gradient }: Iteration) =>
      others
        ? body.add(
            'Sum',
            others.map((other) => emitLossGradient(other, body, (logitsOf) => seed(body, logitsOf))),
          )
        : gradient(seed(body, logits))

    return (iteration) => {
      const { body, point, carried } = iteration
      const base = carried.base ?? point
      const uphill = uphillOf(iteration)
      const free = emitFreeDirections(body, base, step.lower, step.upper)
      const best =
        subsets && emitBestSubset(body, norm, emitFeasible(body, uphill, free), subsets, carried.used, featureShape)
      const next = emitAscent(body, norm, base, best?.gradient ?? uphill, step)
      return {
        point: next,
        carried: { ...(dithered && { base: next }), ...(best && { used: best.used }) },
        gradient: uphill,
      }
    }
  })
}

/** A model made fit to stand besides others in one graph: same input, other names. */
function besides(model: TypedGraph, input: string, index: number): TypedGraph {
  const graph = poolBeforeRelu(model)
  const apart = (name: string) => `surrogate ${index}/${name}`
  const rename = (name: string) => (name === graph.inputs[0].name ? input : apart(name))
  const renamed = mapTypedNames(graph, rename)
  // Names of nodes must be unique too.
  return { ...renamed, nodes: renamed.nodes.map((node) => ({ ...node, name: node.name && apart(node.name) })) }
}

function emitLossGradient(graph: TypedGraph, body: GraphBuilder, seed: (logits: string) => string): string {
  const forward = emitForward(graph, ruleContext(graph, body))
  const [{ name: output }] = graph.outputs
  const context = derivativeContext(graph, body, forward)
  return emitGradient(graph, new Map([[output, seed(forward.get(output)!)]]), context)
}
