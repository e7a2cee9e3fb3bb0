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
  /** Size of the gradient (float [batch], in any norm): zero only where it vanishes. */
  readonly slope: string
  /** bool [batch]: which adversarial points may be kept as the closest. Default: all. */
  readonly acceptable?: string
}

export interface LoopSettings {
  /** Whether `labels` are classes to move to rather than away from. */
  readonly targeted: boolean
  readonly carried: readonly Carried[]
  /**
   * Norm in which the closest adversarial point on the way is kept, or what emits another measure (float [batch]) of a
   * displacement. Without one, a sample that is fooled stays where it is, and the loop ends when all are.
   */
  readonly closest?: AttackNorm | ((body: GraphBuilder, displacement: string) => string)
}

/**
 * An iterative attack as one graph: a Loop with the model and its gradient in the body, so that one run takes any
 * number of steps. `declare` adds inputs of its own and returns what emits an iteration.
 *
 * Inputs, all with the batch first but `trips`: `start:point` (shaped like the model's input), `start:NAME` for what is
 * carried, `labels` (int64), `trips` (int64 scalar, the number of iterations); with `closest` also `origin`,
 * `start:best` (shaped like the model's input) and `start:bestDistance` (float32, infinite without a best point).
 * Outputs: `point` and what is carried, after the last iteration; `fooled` (bool, before the last step), `steps` taken
 * by then (int64), `slope` (summed over the iterations); with `closest` also `best` and `bestDistance`.
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
  const iterate = declare(builder, labels)

  const body = builder.body()
  body.input('iteration', 'int64', [])
  body.input('goOn', 'bool', [])
  // The forward pass finds the point under the name of the model's input.
  const befores = declareState(body, (name) => (name === 'point' ? input.name : `before:${name}`))
  const before = Object.fromEntries(state.map(({ name }, index) => [name, befores[index]]))
  body.input('before:fooled', 'bool', ['batch'])
  const steps = body.input('before:steps', 'int64', ['batch'])
  const slope = body.input('before:slope', 'float32', ['batch'])

  const { point } = before
  const forward = emitForward(graph, ruleContext(graph, body))
  const logits = forward.get(output.name)!
  const isLabel = body.add('Equal', [body.add('ArgMax', [logits], { axis: 1, keepdims: 0 }), labels])
  const isOther = body.add('Not', [isLabel])
  const [fooled, standing] = targeted ? [isLabel, isOther] : [isOther, isLabel]
  const gradient = (seed: string) =>
    emitGradient(graph, new Map([[output.name, seed]]), derivativeContext(graph, body, forward))
  const next = iterate({ graph, body, point, carried: before, forward, logits, fooled, gradient })

  const select = (condition: string, chosen: string, other: string, rank: number) => {
    const column = body.add('Reshape', [condition, body.ints([0, ...Array<number>(rank).fill(1)])])
    return body.add('Where', [column, chosen, other])
  }
  const proposed: Record<string, string> = { point: next.point, ...next.carried }
  if (origin) {
    const displacement = body.add('Sub', [point, origin])
    const distance =
      typeof closest === 'function' ? closest(body, displacement) : emitNorm(body, closest!, displacement, sampleShape)
    const closer = body.add('And', [fooled, body.add('Less', [distance, before.bestDistance])])
    const improves = next.acceptable ? body.add('And', [closer, next.acceptable]) : closer
    proposed.best = select(improves, point, before.best, sampleShape.length)
    proposed.bestDistance = select(improves, distance, before.bestDistance, 0)
    body.output('after:goOn', body.add('Identity', ['goOn']))
  } else {
    // What else is carried of a fooled sample does not matter: it leaves after this run.
    proposed.point = select(fooled, point, next.point, sampleShape.length)
    const asFloat = body.add('Cast', [standing], { to: elementTypeNumbers.float32 })
    const anyStanding = body.add('ReduceMax', [asFloat], { keepdims: 0 })
    body.output('after:goOn', body.add('Cast', [anyStanding], { to: elementTypeNumbers.bool }))
  }
  for (const { name } of state) body.output(`after:${name}`, proposed[name])
  body.output('after:fooled', fooled)
  const taken = origin ? body.int(1) : body.add('Cast', [standing], { to: elementTypeNumbers.int64 })
  body.output('after:steps', body.add('Add', [steps, taken]))
  body.output('after:slope', body.add('Add', [slope, next.slope]))

  const zeros = builder.add('Sub', [labels, labels])
  const zerosAs = (type: 'bool' | 'float32') => builder.add('Cast', [zeros], { to: elementTypeNumbers[type] })
  const initial = [...starts, zerosAs('bool'), zeros, zerosAs('float32')]
  const results = builder.addMany('Loop', [trips, '', ...initial], initial.length, { body: body.build() })
  ;[...state.map(({ name }) => name), 'fooled', 'steps', 'slope'].forEach((name, index) =>
    builder.output(name, results[index]),
  )
  return builder.build()
}
