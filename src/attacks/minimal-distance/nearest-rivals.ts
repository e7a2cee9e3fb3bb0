import type { Domain } from '../../geometry/domain.js'
import type { AttackNorm } from '../../geometry/norm.js'
import { floatTensor, GraphBuilder, intTensor } from '../../graph/builder.js'
import { elementCount, type Graph, type TypedGraph } from '../../graph/graph.js'
import { largestBatch } from '../../model/predict-classes.js'
import { sumOfMagnitudes } from '../../operators/batch-invariant.js'
import { ruleContext } from '../../passes/context.js'
import { emitForward } from '../../passes/forward.js'
import { emitClassPairs, emitMargins } from '../../passes/margins.js'
import { poolBeforeRelu } from '../../passes/pool-before-relu.js'
import { batches, range, takeSamples } from '../../sampling/rows.js'
import type { AttackContext } from '../attack.js'
import { emitFeasible, emitFreeDirections } from '../iteration/free-directions.js'
import { likelyRivals } from '../iteration/likely-rivals.js'
import { emitBox, smallest } from './approach.js'

/** Classes to aim at. */
export interface NearestRivals {
  /** First the nearest of each sample, then the second nearest and so on. */
  readonly rivals: readonly Int32Array[]
  /** Gradients of each sample that this took. */
  readonly queries: number
}

// DeepFool's number.
const mostCandidates = 10

/**
 * The `count` classes besides the label whose boundaries, linearised at the unperturbed samples, are nearest. The
 * gradients of the likeliest classes are looked at, at most `most` of them.
 * @param forwardQueries Counts the forward passes of each sample.
 */
export async function nearestRivals(
  context: AttackContext,
  norm: AttackNorm,
  count: number,
  most: number,
  forwardQueries: Int32Array,
): Promise<NearestRivals> {
  const { model, inputs, labels } = context
  const likely = await likelyRivals(context, Math.max(count, Math.min(most, mostCandidates)), forwardQueries)
  if (likely.length <= 1 || likely.length > most) return { rivals: likely.slice(0, count), queries: 0 }
  const graph = await model.compile(`rival distances ${norm}`, () =>
    rivalDistancesGraph(model.graph, norm, model.domain),
  )
  const rivals = range(Math.min(count, likely.length)).map(() => new Int32Array(labels.length))
  for (const samples of batches(range(labels.length), largestBatch(model, 2 * likely.length + 1))) {
    if (!(await context.budget.next())) return { rivals: likely.slice(0, count), queries: 0 }
    const { data, shape } = takeSamples(inputs, samples)
    const candidates = samples.map((sample) => likely.map((ofRank) => ofRank[sample]))
    const { distances } = await graph.run({
      [model.graph.inputs[0].name]: floatTensor(data, shape),
      labels: intTensor(samples.map((sample) => labels[sample])),
      rivals: intTensor(candidates.flat(), [samples.length, likely.length]),
    })
    samples.forEach((sample, row) => {
      const distanceOf = (index: number) => Number(distances.data[row * likely.length + index])
      const order = range(likely.length).sort((left, right) => distanceOf(left) - distanceOf(right))
      rivals.forEach((ofRank, rank) => {
        ofRank[sample] = candidates[row][order[rank]]
      })
    })
  }
  return { rivals, queries: likely.length }
}

/**
 * A graph from the model's input, `labels` (int64 [batch]) and `rivals` (int64 [batch, rivals]) to `distances` (float32
 * [batch, rivals]): margins over the dual norms of their gradients, without the directions that the domain forbids. For
 * ℓ0 they are ℓ1 distances.
 */
function rivalDistancesGraph(model: TypedGraph, norm: AttackNorm, domain: Domain): Graph {
  const graph = poolBeforeRelu(model)
  const builder = new GraphBuilder(graph.opset)
  const [{ name, shape }] = graph.inputs
  const point = builder.input(name, 'float32', shape!)
  const labels = builder.input('labels', 'int64', ['batch'])
  const pairs = emitClassPairs(graph, builder, labels, builder.input('rivals', 'int64', ['batch', 'rivals']))
  const forward = emitForward(graph, ruleContext(graph, builder))
  const { margins, gradients } = emitMargins(graph, builder, forward, pairs)
  const { lower, upper, featureShape } = emitBox(builder, domain, shape!.slice(1) as number[])
  const free = emitFreeDirections(builder, point, lower, upper)
  const perRival = (value: string) =>
    builder.add('Reshape', [builder.add('Neg', [value]), builder.ints([0, 1, elementCount(featureShape)])])
  const usable = emitFeasible(builder, gradients, { up: perRival(free.down), down: perRival(free.up) })
  const sizes = builder.add('Abs', [usable])
  const reduce = { linf: sumOfMagnitudes, l2: 'ReduceL2' }[norm as string] ?? 'ReduceMax'
  const slopes = builder.add(reduce, [sizes, builder.ints([2])], { keepdims: 0 })
  builder.output('distances', builder.add('Div', [margins, builder.add('Max', [slopes, builder.scalar(smallest)])]))
  return builder.build()
}
