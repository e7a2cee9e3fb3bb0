import type { AttackContext } from '../attacks/attack.js'
import { fmn } from '../attacks/minimal-distance/fmn.js'
import { checkDevice } from '../bounds/check-device.js'
import type { FloatArray } from '../bounds/input-ball.js'
import { Refinement } from '../bounds/refinement.js'
import type { LinearFunctions } from '../bounds/row-bounds.js'
import { NoGraphError, SettingsError } from '../errors.js'
import type { Norm } from '../geometry/norm.js'
import { floatTensor } from '../graph/builder.js'
import type { Classifier } from '../model/classifier.js'
import { reasonForOpacity } from '../model/hosted-graph.js'
import { forwardGraph } from '../passes/forward-graph.js'
import { batches, range } from '../sampling/rows.js'
import { type DistanceNode, DistanceSearch, type LinearFunction } from './distance-search.js'

/** What is known of the distance of a sample to the nearest input of another class, in input units. */
export interface DistanceInterval {
  /** No input of the domain that is nearer is classified otherwise; Infinity where none is at all. */
  readonly lower: number
  /** Distance of `nearest`, Infinity without one. */
  readonly upper: number
  /** An input, in float64, that is classified otherwise. */
  readonly nearest: Float64Array | undefined
  /** The distance is known: `lower` is at most 1e-9 of it below `upper`. */
  readonly proved: boolean
  /** Boxes that were bounded. */
  readonly boxes: number
  /** Of the attack that the search starts from. */
  readonly gradientQueries: number
}

// More features than this would have to be halved too often.
const mostFeatures = 16
// Boxes that are bounded together, and how often a box is halved at once where there are fewer.
const [mostNodes, mostTimes] = [256, 5]
const settings = { rounding: 'ignored', precision: 'float64' } as const

/**
 * Minimal distances by branch and bound over boxes of inputs, in float64. The linear functions of CROWN that a margin is
 * nowhere below tell how near to the sample a box may hold an input of another class; the nearest such point is tried,
 * and the box is cut down to where the function is not positive, and halved. Where a margin is linear, its box is done. The
 * box that reaches nearest comes first; what an attack finds is where the search starts.
 * @throws SettingsError for more than 16 features, NoGraphError for a model that is a function, UnsupportedOperatorError for
 * operators that have no relaxation.
 */
export async function exactDistances(context: AttackContext, norm: Norm): Promise<DistanceInterval[]> {
  const { model, inputs, labels, budget } = context
  const size = model.domain.lower.length
  checkModel(model)
  const domain = { lower: Float64Array.from(model.domain.lower), upper: Float64Array.from(model.domain.upper) }
  const samples = range(labels.length).map((sample) =>
    Float64Array.from(inputs.data.subarray(sample * size, (sample + 1) * size)),
  )
  const searches = samples.map((sample, index) => {
    const rivals = range(model.classes).filter((other) => other !== labels[index])
    return new DistanceSearch(norm, sample, domain, rivals)
  })
  const propose = async (points: readonly Float64Array[], owners: readonly number[]) => {
    const logits = await logitsOf(model, points)
    points.forEach((point, index) => {
      const row = logits.subarray(index * model.classes, (index + 1) * model.classes)
      const label = labels[owners[index]]
      if (row.some((logit, other) => other !== label && logit >= row[label])) searches[owners[index]].propose(point)
    })
  }
  await propose(samples, [...samples.keys()])
  const { adversarial, gradientQueries } = await fmn({ norm }).run(context)
  const starts = samples.map((_, sample) => Float64Array.from(adversarial.subarray(sample * size, (sample + 1) * size)))
  await propose(starts, [...samples.keys()])

  let open = range(searches.length).filter((sample) => searches[sample].isOpen)
  while (open.length > 0 && (await budget.next())) {
    const share = Math.ceil(mostNodes / open.length)
    const taken = open.flatMap((sample) => searches[sample].take(share).map((node) => ({ sample, node })))
    // A run of many boxes takes hardly longer than one of few.
    const times = Math.max(1, Math.min(mostTimes, Math.floor(Math.log2(mostNodes / taken.length))))
    for (const group of batches([...taken.keys()], mostNodes)) {
      const together = group.map((index) => taken[index])
      const functions = await boundMargins(
        context,
        together.map(({ node }) => node),
        together.map(({ sample }) => labels[sample]),
      )
      if (!functions) {
        for (const { sample, node } of together) searches[sample].putBack([node])
        continue
      }
      const views = together.map(({ sample, node }, index) => searches[sample].view(node, functions[index]))
      const candidates = together.flatMap(({ sample }, index) => {
        const { candidate: point } = views[index]
        return point ? [{ sample, point }] : []
      })
      await propose(
        candidates.map(({ point }) => point),
        candidates.map(({ sample }) => sample),
      )
      together.forEach(({ sample, node }, index) => {
        searches[sample].branch(node, views[index], times)
      })
    }
    open = open.filter((sample) => searches[sample].isOpen)
    context.progress(1 - open.length / searches.length)
  }
  return searches.map((search, sample) => {
    const { lower, upper, nearest, boxes, isProved } = search
    return { lower, upper, nearest, proved: isProved, boxes, gradientQueries: gradientQueries[sample] }
  })
}

/** Functions that the margins f_label − f_rival are between on their boxes; undefined when the budget ended. */
async function boundMargins(
  { model, budget }: AttackContext,
  nodes: readonly DistanceNode[],
  labels: readonly number[],
) {
  const size = model.domain.lower.length
  const join = (end: 'lower' | 'upper') => {
    const all = new Float64Array(nodes.length * size)
    nodes.forEach((node, index) => {
      all.set(node[end], index * size)
    })
    return all
  }
  const refinement = Refinement.over(model, { lower: join('lower'), upper: join('upper') }, budget, settings)
  await refinement.refine()
  const samples = range(nodes.length)
  const rivals = nodes.map(({ rival }) => rival)
  // A margin is below minus what the opposite margin is above.
  const rows = { sample: [...samples, ...samples], plus: [...labels, ...rivals], minus: [...rivals, ...labels] }
  const { functions } = await refinement.boundLogits(rows, 1)
  if (budget.exhausted || !functions) return undefined
  return samples.map((sample) => {
    const opposite = functionOf(functions, nodes.length + sample, size)
    const above = { coefficients: opposite.coefficients.map((slope) => -slope), constant: -opposite.constant }
    return { below: functionOf(functions, sample, size), above }
  })
}

function functionOf({ coefficients, constants }: LinearFunctions, row: number, size: number): LinearFunction {
  return {
    coefficients: Float64Array.from(coefficients.subarray(row * size, (row + 1) * size) as FloatArray),
    constant: constants[row],
  }
}

async function logitsOf(model: Classifier, points: readonly Float64Array[]): Promise<Float64Array> {
  const graph = await model.compile('forward float64', () => forwardGraph(model.graph, 'float64'))
  const size = model.domain.lower.length
  const data = new Float64Array(points.length * size)
  points.forEach((point, index) => {
    data.set(point, index * size)
  })
  if (points.length === 0) return new Float64Array(0)
  const feeds = { [model.graph.inputs[0].name]: floatTensor(data, [points.length, ...model.featureShape]) }
  return (await graph.run(feeds)).logits.data as Float64Array
}

function checkModel(model: Classifier): void {
  const { domain, description, graph } = model
  checkDevice(model)
  const reason = reasonForOpacity(graph)
  if (reason !== undefined) throw new NoGraphError({ model: description.name, reason, method: 'exact' })
  const features = domain.lower.length
  if (features <= mostFeatures) return
  throw new SettingsError(
    `exact halves boxes of inputs, which is hopeless beyond ${mostFeatures} features; ${description.name} has ${features}. Use complete({ norm: 'linf' }) to decide one radius, or take the interval between alphaCrown and fmn.`,
  )
}
