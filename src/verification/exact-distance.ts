import type { AttackContext } from '../attacks/attack.js'
import { fmn } from '../attacks/minimal-distance/fmn.js'
import { checkDevice } from '../bounds/check-device.js'
import { NoGraphError, SettingsError } from '../errors.js'
import type { Norm } from '../geometry/norm.js'
import { nodeLabel } from '../graph/graph.js'
import type { Classifier } from '../model/classifier.js'
import { reasonForOpacity } from '../model/hosted-graph.js'
import { batches, range, rowOf } from '../sampling/rows.js'
import { type DistanceInterval, obstacles } from './distance-interval.js'
import { DistanceSearch } from './distance-search.js'
import { logitsInFloat64, marginFunctions } from './margin-functions.js'
import { programDistances } from './program-distance.js'
import { unitDistances } from './unit-distance.js'
import { otherThanUnits } from './unit-parts.js'

// More features than this would have to be halved too often.
const mostFeatures = 16
// Boxes that are bounded together, and how often a box is halved at once where there are fewer.
const [mostNodes, mostTimes] = [256, 5]

/**
 * Minimal distances by branch and bound over boxes of inputs, in float64. The linear functions of CROWN that a margin is
 * nowhere below tell how near to the sample a box may hold an input of another class; the nearest such point is tried,
 * and the box is cut down to where the function is not positive, and halved. Where a margin is linear, its box is done. The
 * box that reaches nearest comes first; what an attack finds is where the search starts. With more than 16 features units
 * are split in place of boxes ({@link programDistances}, {@link unitDistances}).
 * @throws SettingsError for more than 16 features and other operators than units, NoGraphError for a model that is a function, UnsupportedOperatorError for
 * operators that have no relaxation.
 */
export async function exactDistances(context: AttackContext, norm: Norm): Promise<DistanceInterval[]> {
  const { model, inputs, labels, budget } = context
  checkModel(model)
  const size = model.domain.lower.length
  if (size > mostFeatures) return norm === 'l2' ? unitDistances(context) : programDistances(context, norm)
  const all = range(labels.length)
  const rowsOf = (data: Float32Array) =>
    all.map((sample) => Float64Array.from(data.subarray(sample * size, (sample + 1) * size)))
  const samples = rowsOf(inputs.data)
  const domain = { lower: Float64Array.from(model.domain.lower), upper: Float64Array.from(model.domain.upper) }
  const searches = samples.map((sample, index) => {
    const rivals = range(model.classes).filter((other) => other !== labels[index])
    return new DistanceSearch(norm, sample, domain, rivals)
  })
  const propose = async (points: readonly Float64Array[], owners: readonly number[]) => {
    const logits = await logitsInFloat64(model, points)
    points.forEach((point, index) => {
      const label = labels[owners[index]]
      const isOther = logits[index].some((logit, other) => other !== label && logit >= logits[index][label])
      if (isOther) searches[owners[index]].propose(point)
    })
  }
  await propose(samples, all)
  const { adversarial, gradientQueries } = await fmn({ norm }).run(context)
  await propose(rowsOf(adversarial), all)

  let open = all.filter((sample) => searches[sample].isOpen)
  while (open.length > 0 && (await budget.next())) {
    const share = Math.ceil(mostNodes / open.length)
    const taken = open.flatMap((sample) => searches[sample].take(share).map((node) => ({ sample, node })))
    // A run of many boxes takes hardly longer than one of few.
    const times = Math.max(1, Math.min(mostTimes, Math.floor(Math.log2(mostNodes / taken.length))))
    for (const group of batches([...taken.keys()], mostNodes)) {
      const together = group.map((index) => taken[index])
      const nodes = together.map(({ node }) => node)
      const owners = together.map(({ sample }) => sample)
      const functions = await marginFunctions(
        model,
        nodes,
        owners.map((sample) => labels[sample]),
        budget,
      )
      if (!functions) {
        for (const { sample, node } of together) searches[sample].putBack(node)
        continue
      }
      const views = together.map(({ sample, node }, index) => searches[sample].view(node, functions[index]))
      const likely = range(views.length).filter((index) => views[index].candidate)
      await propose(
        likely.map((index) => views[index].candidate!),
        likely.map((index) => owners[index]),
      )
      together.forEach(({ sample, node }, index) => {
        searches[sample].branch(node, views[index], times)
      })
    }
    open = open.filter((sample) => searches[sample].isOpen)
    context.progress(1 - open.length / searches.length)
  }
  return searches.map(({ lower, upper, nearest, boxes, isOpen, isProved }, sample) => {
    const start = rowOf(adversarial, size, sample)
    const obstacle = isOpen || isProved ? undefined : obstacles.rounding
    const known = { lower, upper, nearest, proved: isProved, obstacle, boxes }
    return { ...known, start, gradientQueries: gradientQueries[sample] }
  })
}

function checkModel(model: Classifier): void {
  const { description, graph, domain } = model
  checkDevice(model)
  const reason = reasonForOpacity(graph)
  if (reason !== undefined) throw new NoGraphError({ model: description.name, reason, method: 'exact' })
  if (domain.lower.length <= mostFeatures) return
  const other = otherThanUnits(graph)
  if (!other) return
  throw new SettingsError(
    `exact halves boxes of at most ${mostFeatures} features, and of models with more it splits units (Relu, LeakyRelu, PRelu); ${description.name} has ${domain.lower.length} features and the operator ${other.operator} ("${nodeLabel(other)}"). Take the interval between alphaCrown and fmn.`,
  )
}
