import type { LinearRegions } from '../../regions/linear-regions.js'
import { range } from '../../sampling/rows.js'
import { checkGradients } from '../iteration/check-gradients.js'
import { dotOfSingle } from './vectors.js'

/** The gradient of an entry by its direction and its length; the opposite is there to save turning it around. */
export interface Direction {
  readonly normal: Float64Array
  readonly opposite: Float64Array
  readonly size: number
}

/**
 * Gradients of the entries of the first kink, in order; undefined where an entry does not depend on the input. No kink
 * comes before it, so all regions have them in common.
 */
export type FirstRows = readonly (Direction | undefined)[]

// Numbers to keep: of more, each region asks for the rows that it needs.
const mostNumbers = 2 ** 20

/** Undefined where they are too large to be kept. */
export async function firstRowsOf(regions: LinearRegions, anyPoint: Float32Array): Promise<FirstRows | undefined> {
  const n = anyPoint.length
  if (regions.firstSize * n > mostNumbers) return undefined
  const faces = range(regions.firstSize).map((plus) => ({ plus, minus: -1 }))
  const [gradients] = await regions.answer([{ about: 'rows', point: anyPoint, faces }])
  return faces.map((_, row) => directionOf(gradients.subarray(row * n, (row + 1) * n)))
}

function directionOf(gradient: Float32Array): Direction | undefined {
  const size = sizeOf(gradient)
  if (!(size > 0)) return undefined
  return { normal: unit(gradient, size), opposite: unit(gradient, -size), size }
}

/** The length of a gradient; refuses one that is not finite. */
export function sizeOf(gradient: Float32Array): number {
  const squares = dotOfSingle(gradient, gradient)
  if (!Number.isFinite(squares)) checkGradients(gradient)
  return Math.sqrt(squares)
}

export function unit(gradient: Float32Array | Float64Array, size: number): Float64Array {
  const normal = new Float64Array(gradient.length)
  for (let feature = 0; feature < normal.length; feature++) normal[feature] = gradient[feature] / size
  return normal
}
