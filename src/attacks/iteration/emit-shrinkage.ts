import type { GraphBuilder } from '../../graph/builder.js'
import { elementTypeNumbers } from '../../graph/element-types.js'
import { asNumber } from '../../operators/element-type.js'

/** What is to be shrunk: names of tensors [batch, features] and, the radius, [batch, 1]. */
export interface Shrinkage {
  /** Not negative. */
  readonly sizes: string
  /** What each size may be at most, at least 0. */
  readonly rooms: string
  /** What the shrunk sizes of a sample may add up to, above 0. */
  readonly radius: string
}

const mostIterations = 40
// Relative to the radius. What is left is small enough for a last step.
const tolerance = 1e-5
const rounding = 1e-6
const smallest = 1e-30

/**
 * Emits min(max(size − threshold, 0), room), with the smallest threshold of each sample, at least 0, for which these add up
 * to no more than its radius. The sum falls with the threshold, piecewise linearly. The threshold is found by the Illinois
 * method, a false position that never gets stuck, in a Loop that ends when all samples are there. Sorting the sizes, which
 * gives it in closed form, takes as long as a whole gradient of a small network.
 */
export function emitShrinkage(builder: GraphBuilder, { sizes, rooms, radius }: Shrinkage): string {
  const body = builder.body()
  const column = ['batch', 1]
  body.input('shrinkage:iteration', 'int64', [])
  body.input('shrinkage:goOn', 'bool', [])
  const [low, high, excess, lack] = ['low', 'high', 'excess', 'lack'].map((name) =>
    body.input(`shrinkage:${name}`, 'float32', column),
  )
  const wasAbove = body.input('shrinkage:wasAbove', 'bool', column)
  body.input('shrinkage:threshold', 'float32', column)
  body.input('shrinkage:shrunk', 'float32', ['batch', 'features'])
  body.input('shrinkage:surplus', 'float32', column)

  const span = body.add('Sub', [high, low])
  const share = body.add('Div', [excess, body.add('Max', [body.add('Add', [excess, lack]), body.scalar(smallest)])])
  const threshold = body.add('Add', [low, body.add('Mul', [span, share])])
  const { shrunk, surplus } = emitAt(body, threshold, { sizes, rooms, radius })
  const isAbove = body.add('Greater', [surplus, body.scalar(0)])
  const where = (chosen: string, other: string) => body.add('Where', [isAbove, chosen, other])
  // An end that stays twice in a row counts half, so that it is left sooner.
  const half = (value: string) => body.add('Mul', [value, body.scalar(0.5)])
  // Samples that are there stay, so that none depends on how long others take.
  const isThere = body.add('LessOrEqual', [body.add('Abs', [surplus]), body.scalar(tolerance)])
  const nextLow = body.add('Where', [body.add('Or', [isAbove, isThere]), threshold, low])
  const nextHigh = body.add('Where', [body.add('And', [isAbove, body.add('Not', [isThere])]), high, threshold])
  const widest = body.add('ReduceMax', [body.add('Sub', [nextHigh, nextLow])], { keepdims: 0 })
  body.output('shrinkage:unfinished', body.add('Greater', [widest, body.scalar(0)]))
  const after = {
    low: nextLow,
    high: nextHigh,
    excess: where(surplus, body.add('Where', [wasAbove, excess, half(excess)])),
    lack: where(body.add('Where', [wasAbove, half(lack), lack]), body.add('Neg', [surplus])),
    wasAbove: isAbove,
    threshold,
    shrunk,
    surplus,
  }
  for (const [name, value] of Object.entries(after)) body.output(`shrinkage:next ${name}`, value)

  const zero = builder.add('Mul', [radius, builder.scalar(0)])
  const whole = emitAt(builder, zero, { sizes, rooms, radius })
  const starts = {
    low: zero,
    high: builder.add('ReduceMax', [sizes, builder.ints([1])]),
    // Where all sizes together are small enough the first threshold is zero, and stays.
    excess: builder.add('Relu', [whole.surplus]),
    lack: builder.add('Add', [zero, builder.scalar(1)]),
    wasAbove: builder.add('Cast', [zero], { to: elementTypeNumbers.bool }),
    threshold: zero,
    shrunk: whole.shrunk,
    surplus: whole.surplus,
  }
  const inputs = [builder.int(mostIterations), '', ...Object.values(starts)]
  const results = builder.addMany('Loop', inputs, Object.keys(starts).length, { body: body.build() })
  const [found, near, left] = results.slice(-3)
  // On the right piece one step of Newton's method is exact.
  const isGrowing = builder.add('And', [
    builder.add('Greater', [near, builder.scalar(0)]),
    builder.add('Less', [near, rooms]),
  ])
  const growing = builder.add('ReduceSum', [asNumber(isGrowing, builder), builder.ints([1])])
  const missed = builder.add('Div', [
    builder.add('Mul', [left, radius]),
    builder.add('Max', [growing, builder.scalar(1)]),
  ])
  const last = emitAt(builder, builder.add('Relu', [builder.add('Add', [found, missed])]), { sizes, rooms, radius })
  // What is too large for want of iterations shrinks evenly. Rounding must not undo that a room is filled exactly.
  const unsolved = builder.add('Relu', [builder.add('Sub', [last.surplus, builder.scalar(rounding)])])
  return builder.add('Div', [last.shrunk, builder.add('Add', [unsolved, builder.scalar(1)])])
}

/** The sizes shrunk by a threshold, and by what part of the radius their sum exceeds it. */
function emitAt(builder: GraphBuilder, threshold: string, { sizes, rooms, radius }: Shrinkage) {
  const reduced = builder.add('Relu', [builder.add('Sub', [sizes, threshold])])
  const shrunk = builder.add('Min', [reduced, rooms])
  const sum = builder.add('ReduceSum', [shrunk, builder.ints([1])])
  return { shrunk, surplus: builder.add('Sub', [builder.add('Div', [sum, radius]), builder.scalar(1)]) }
}
