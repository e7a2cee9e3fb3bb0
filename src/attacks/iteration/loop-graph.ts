import type { AttackNorm } from '../../geometry/norm.js'
import { GraphBuilder } from '../../graph/builder.js'
import { elementTypeNumbers } from '../../graph/element-types.js'
import type { ElementType, Graph, TypedGraph } from '../../graph/graph.js'
import { ruleContext } from '../../passes/context.js'
import { derivativeContext } from '../../passes/derivative-context.js'
import { emitForward } from '../../passes/forward.js'
import { emitGradient } from '../../passes/gradient.js'
import { poolBeforeRelu } from '../../passes/pool-before-relu.js'
import { emitNorm } from './emit-norm.js'
import { emitPlaces, emitReplaced } from './replace-rows.js'

/** A value that an iteration hands to the next one, besides the point. */
export interface Carried {
  readonly name: string
  readonly type: ElementType
  /** Without the batch axis, which comes first. Default: shaped like one sample. */
  readonly shape?: readonly number[]
}

/** One iteration of an attack, inside the body of the loop. Names of the outer graph are visible there too. */
export interface Iteration {
  /** The model that runs in the loop: the one given, rearranged for faster gradients. */
  readonly graph: TypedGraph
  readonly body: GraphBuilder
  /** Current candidates, shaped like the model's input. */
  readonly point: string
  /** Carried values of the previous iteration. */
  readonly carried: Readonly<Record<string, string>>
  /** Values of the model's forward pass at the current point. */
  readonly forward: ReadonlyMap<string, string>
  readonly logits: string
  /** bool [batch]: whether the current point is classified as the attack wants. */
  readonly fooled: string
  /** Emits the gradient of Σ seed · logits (both [batch, classes]) with respect to the point. */
  gradient(seed: string): string
}

export interface NextIteration {
  readonly point: string
  readonly carried: Readonly<Record<string, string>>
  /** The gradient that the iteration goes by, or what is zero only where that is. The batch comes first. */
  readonly gradient: string
  /** bool [batch]: which adversarial points may be kept as the closest. Default: all. */
  readonly acceptable?: string
}

export interface LoopSettings {
  /** Whether `labels` are classes to move to rather than away from. */
  readonly targeted: boolean
  readonly carried: readonly Carried[]
  /**
   * Norm in which the closest adversarial point on the way is kept, or what emits another measure (float [batch]) of a
   * displacement. Without one, a sample that is fooled stays where it is.
   */
  readonly closest?: AttackNorm | ((body: GraphBuilder, displacement: string) => string)
}

/**
 * An iterative attack as one graph: a Loop with the model and its gradient in the body, so that one run takes any
 * number of steps. `declare` adds inputs of its own and returns what emits an iteration.
 *
 * Inputs, all with the batch first but the scalars: `start:point` (shaped like the model's input), `start:NAME` for what is
 * carried, `labels` (int64), `trips` (int64 scalar, the number of iterations); without `closest` also `patience` (float32
 * scalar, at most 1: the loop ends early when samples were taken along for that many iterations, on average over all of
 * them, that were fooled before); with it `origin`, `start:best` (shaped like the model's input) and `start:bestDistance`
 * (float32, infinite without a best point).
 * Outputs: `point` and what is carried, after the last iteration; `fooled` (bool, before the last step), `steps` taken
 * by then (int64), `slope` (float32, zero where all gradients were); without `closest` also `idle` (int64, iterations that found the
 * sample fooled), with it `best` and `bestDistance`.
 */
export function loopGraph(
  model: TypedGraph,
  { targeted, carried, closest }: LoopSettings,
  declare: (builder: GraphBuilder, labels: string) => (iteration: Iteration) => NextIteration,
): Graph {
  const graph = poolBeforeRelu(model)
  const builder = new GraphBuilder(graph.opset)
  const [input] = graph.inputs
  const [output] = graph.outputs
  const shape = input.shape!
  const sampleShape = shape.slice(1) as number[]
  const state: Carried[] = [{ name: 'point', type: 'float32' }, ...carried]
  if (closest) state.push({ name: 'best', type: 'float32' }, { name: 'bestDistance', type: 'float32', shape: [] })
  const declareState = (to: GraphBuilder, nameOf: (name: string) => string) =>
    state.map(({ name, type, shape = sampleShape }) => to.input(nameOf(name), type, ['batch', ...shape]))
  const starts = declareState(builder, (name) => `start:${name}`)
  const labels = builder.input('labels', 'int64', ['batch'])
  const trips = builder.input('trips', 'int64', [])
  const origin = closest && builder.input('origin', 'float32', shape)
  const patience = closest ? undefined : builder.input('patience', 'float32', [])
  const counters: { name: string; type: ElementType }[] = [
    { name: 'steps', type: 'int64' },
    { name: 'slope', type: 'float32' },
  ]
  if (patience) counters.push({ name: 'idle', type: 'int64' })
  const iterate = declare(builder, labels)

  const body = builder.body()
  body.input('iteration', 'int64', [])
  body.input('goOn', 'bool', [])
  // The forward pass finds the point under the name of the model's input.
  const befores = declareState(body, (name) => (name === 'point' ? input.name : `before:${name}`))
  const before = Object.fromEntries(state.map(({ name }, index) => [name, befores[index]]))
  body.input('before:fooled', 'bool', ['batch'])
  const counts = Object.fromEntries(
    counters.map(({ name, type }) => [name, body.input(`before:${name}`, type, ['batch'])]),
  )

  const { point } = before
  const forward = emitForward(graph, ruleContext(graph, body))
  const logits = forward.get(output.name)!
  const isLabel = body.add('Equal', [body.add('ArgMax', [logits], { axis: 1, keepdims: 0 }), labels])
  const isOther = body.add('Not', [isLabel])
  const [fooled, standing] = targeted ? [isLabel, isOther] : [isOther, isLabel]
  const gradient = (seed: string) =>
    emitGradient(graph, new Map([[output.name, seed]]), derivativeContext(graph, body, forward))
  const next = iterate({ graph, body, point, carried: before, forward, logits, fooled, gradient })

  const proposed: Record<string, string> = { point: next.point, ...next.carried }
  if (origin) {
    const displacement = body.add('Sub', [point, origin])
    const distance =
      typeof closest === 'function' ? closest(body, displacement) : emitNorm(body, closest!, displacement, sampleShape)
    const closer = body.add('And', [fooled, body.add('Less', [distance, before.bestDistance])])
    const improves = next.acceptable ? body.add('And', [closer, next.acceptable]) : closer
    proposed.best = emitReplaced(body, before.best, point, emitPlaces(body, improves))
    proposed.bestDistance = body.add('Where', [improves, distance, before.bestDistance])
  } else {
    // What else is carried of a fooled sample does not matter: it leaves after this run.
    proposed.point = emitReplaced(body, next.point, point, emitPlaces(body, fooled))
  }
  // What is counted, over the iterations of one run.
  const asCount = (condition: string) => body.add('Cast', [condition], { to: elementTypeNumbers.int64 })
  const counted: Record<string, string> = {
    steps: body.add('Add', [counts.steps, patience ? asCount(standing) : body.int(1)]),
    slope: emitSlope(body, counts.slope, next.gradient),
  }
  if (patience) {
    counted.idle = body.add('Add', [counts.idle, asCount(fooled)])
    const idle = body.add('Cast', [counted.idle], { to: elementTypeNumbers.float32 })
    body.output('after:goOn', body.add('Less', [body.add('ReduceMean', [idle], { keepdims: 0 }), patience]))
  } else {
    body.output('after:goOn', body.add('Identity', ['goOn']))
  }
  for (const { name } of state) body.output(`after:${name}`, proposed[name])
  body.output('after:fooled', fooled)
  for (const { name } of counters) body.output(`after:${name}`, counted[name])

  const zeros = builder.add('Sub', [labels, labels])
  const zerosAs = (type: ElementType) => builder.add('Cast', [zeros], { to: elementTypeNumbers[type] })
  const initial = [...starts, zerosAs('bool'), ...counters.map(({ type }) => zerosAs(type))]
  const results = builder.addMany('Loop', [trips, '', ...initial], initial.length, { body: body.build() })
  ;[...state, { name: 'fooled' }, ...counters].forEach(({ name }, index) => builder.output(name, results[index]))
  return builder.build()
}

/** Emits what is zero where all gradients so far were. Once that is so of no sample, nothing more is computed. */
function emitSlope(body: GraphBuilder, before: string, gradient: string): string {
  const known = body.body()
  known.output('known:slope', before)
  const unknown = body.body()
  const flat = unknown.add('Reshape', [gradient, unknown.ints([0, -1])])
  const largest = unknown.add('ReduceMax', [unknown.add('Abs', [flat]), unknown.ints([1])], { keepdims: 0 })
  unknown.output('unknown:slope', unknown.add('Add', [before, largest]))
  const smallest = body.add('ReduceMin', [before], { keepdims: 0 })
  const isKnown = body.add('Greater', [smallest, body.scalar(0)])
  return body.add('If', [isKnown], { then_branch: known.build(), else_branch: unknown.build() })
}
