import type { Budget } from '../../budget.js'
import { distance, type Norm } from '../../geometry/norm.js'
import { elementCount } from '../../graph/graph.js'
import type { Classifier } from '../../model/classifier.js'
import type { Inputs } from '../../sampling/samples.js'
import { type Deviations, deviations, type LayerNorms, lastNonlinearOutputs } from './deviations.js'
import { FallingUnits } from './falling-units.js'
import { linearNorms } from './linear-norms.js'
import { PairNorms } from './pair-norms.js'
import { pooledConvolutions } from './pooled-convolutions.js'
import { sizeName, sizesGraph } from './sizes.js'

/** What perturbations in one norm can do to the logits of a model, from the Lipschitz constants of its layers. */
export interface LayerByLayer extends Deviations {
  readonly norms: LayerNorms
  readonly fallingUnits: FallingUnits | undefined
  /** f_label − f_other at a sample, and how far it can fall over a ball of radius ε: by at most gain·ε + error. */
  pair(sample: number, label: number, other: number): PairMargin
  /** How far any f_label − f_other, at the sample and anywhere in the ball together, is from exact arithmetic. */
  inexactPair(sample: number): { readonly gain: number; readonly error: number }
  /** Over balls of this radius and larger ones nothing is known: numbers of the model may overflow. */
  reach(sample: number): number
}

export interface PairMargin {
  readonly margin: number
  readonly gain: number
  readonly error: number
}

interface LayerConstants {
  readonly norms: LayerNorms
  readonly frontier: readonly string[]
  readonly pairNorms: PairNorms
  readonly fallingUnits: FallingUnits | undefined
}

const cache = new WeakMap<Classifier, Map<Norm, LayerConstants>>()

/** What does not depend on the samples is computed once per model and norm. */
async function constantsOf(model: Classifier, norm: Norm, budget: Budget): Promise<LayerConstants | undefined> {
  const known = cache.get(model) ?? new Map<Norm, LayerConstants>()
  cache.set(model, known)
  const found = known.get(norm)
  if (found) return found
  const linear = await linearNorms(model, norm, budget)
  if (!linear) return undefined
  const pooled = norm === 'l2' ? await pooledConvolutions(model, budget) : new Map<never, never>()
  if (!pooled) return undefined
  const norms = { linear, pooled }
  const frontier = lastNonlinearOutputs(model.graph)
  const pairNorms = await PairNorms.of(model, norm, frontier)
  const fallingUnits = norm === 'l2' ? await FallingUnits.of(model, frontier, pairNorms) : undefined
  const constants = { norms, frontier, pairNorms, fallingUnits }
  known.set(norm, constants)
  return constants
}

/** Results are computed with far fewer than 2^20 roundings in float64. */
export const outwards = 1 + 2 ** -30

/**
 * Undefined when the budget ends before the constants of the layers are known.
 * @throws UnsupportedOperatorError for a nonlinear operator without a Lipschitz constant.
 */
export async function layerByLayer(
  model: Classifier,
  norm: Norm,
  inputs: Inputs,
  budget: Budget,
): Promise<LayerByLayer | undefined> {
  const { graph, classes } = model
  const constants = await constantsOf(model, norm, budget)
  if (!constants) return undefined
  const { norms, frontier, pairNorms, fallingUnits } = constants
  const [{ name: input }] = graph.inputs
  const compiled = await model.compile(`sizes ${norm}`, () => sizesGraph(graph, norm))
  const { logits, ...results } = await compiled.run({ [input]: { type: 'float32', ...inputs } })
  const sizes = new Map(Object.entries(results).map(([name, { data }]) => [name, data as Float64Array]))
  sizes.set(sizeName(input), inputSizes(inputs, norm))
  const found = deviations(graph, norm, norms, sizes)
  const starts = frontier.map((value) => found.moved.get(value)!)
  // |e_label − e_other| in terms of the norm of e.
  const pairFactor = { linf: 2, l2: Math.SQRT2, l1: 1 }[norm]
  return {
    ...found,
    norms,
    fallingUnits,
    inexactPair: (sample) => ({
      gain: 2 * pairFactor * outwards * found.inexact.gain,
      error: 2 * pairFactor * outwards * found.inexact.error[sample],
    }),
    reach(sample) {
      const radii = found.reaches.map(({ gain, error, largest }) => (largest[sample] - error[sample]) / gain)
      return Math.min(...radii) * (1 - 2 ** -40)
    },
    pair(sample, label, other) {
      const dual = pairNorms.get(label, other)
      const carried = starts.reduce((sum, { error }, at) => sum + dual[at] * error[sample], 0)
      const gain = starts.reduce((sum, start, at) => sum + dual[at] * start.gain, 0)
      const [own, rival] = [label, other].map((index) => (logits.data as Float32Array)[sample * classes + index])
      return {
        margin: own - rival,
        gain: outwards * (gain + pairFactor * found.rounded.gain),
        error: outwards * (carried + pairFactor * found.rounded.error[sample]),
      }
    },
  }
}

function inputSizes({ data, shape: [count, ...features] }: Inputs, norm: Norm): Float64Array {
  const width = elementCount(features)
  const zero = new Float32Array(width)
  return Float64Array.from(
    { length: count },
    (_, sample) => distance(zero, data.subarray(sample * width, (sample + 1) * width))[norm],
  )
}
