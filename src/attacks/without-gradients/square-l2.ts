import { lengthOf } from '../../geometry/norm.js'
import { projectOntoBall } from '../../geometry/projection.js'
import type { RandomSource } from '../../sampling/random.js'
import { drawPatch, featuresOf, type Patch } from './square-grid.js'
import type { Proposals, SquareBall } from './square-linf.js'

/**
 * A patch bends towards a drawn shape and takes over the length of another patch, and what the ball has left: Algorithm 3
 * of the paper, started from a grid of such shapes. In the paper the shape has full weight and the other patch keeps
 * nothing. Here both are drawn: small changes are what the search ends with, and it fools more with fewer queries.
 */
export function l2Proposals({ grid, domain, center, radius, random }: SquareBall): Proposals {
  const { channels, height, width } = grid
  const displacement = new Float64Array(center.length)

  /** The point of length `radius` in the direction of the displacement. */
  function move(point: Float32Array): boolean {
    const length = lengthOf('l2', displacement)
    if (length === 0) return false
    const before = point.slice()
    for (let feature = 0; feature < displacement.length; feature++) {
      point[feature] = center[feature] + (displacement[feature] * radius) / length
    }
    projectOntoBall(point, { norm: 'l2', center, radius }, domain)
    return point.some((coordinate, feature) => coordinate !== before[feature])
  }

  return {
    start(point) {
      displacement.fill(0)
      const side = Math.max(1, Math.floor(Math.max(height, width) / 5))
      for (let top = 0; top < height; top += side) {
        for (let left = 0; left < width; left += side) {
          const tile = { top, left, height: Math.min(side, height - top), width: Math.min(side, width - left) }
          const shape = drawShape(tile, random)
          for (let channel = 0; channel < channels; channel++) {
            const sign = drawSign(random)
            featuresOf(grid, tile, channel).forEach((feature, index) => {
              displacement[feature] = sign * shape[index]
            })
          }
        }
      }
      move(point)
    },

    change(point, p) {
      for (let feature = 0; feature < center.length; feature++) displacement[feature] = point[feature] - center[feature]
      const unspent = Math.max(0, radius ** 2 - lengthOf('l2', displacement) ** 2) / channels
      const [patch, donor] = [0, 1].map(() => drawPatch(grid, p, random, 3))
      const [bend, kept] = [random.uniform(), random.uniform()]
      const shape = drawShape(patch, random)
      for (let channel = 0; channel < channels; channel++) {
        const [features, donors] = [patch, donor].map((place) => featuresOf(grid, place, channel))
        const old = features.map((feature) => displacement[feature])
        const oldLength = lengthOf('l2', old)
        for (const feature of features) displacement[feature] = 0
        const donated = lengthOf(
          'l2',
          donors.map((feature) => displacement[feature]),
        )
        for (const feature of donors) displacement[feature] *= Math.sqrt(kept)
        const sign = drawSign(random)
        const bent = shape.map((value, index) => sign * bend * value + old[index] / (oldLength || 1))
        const scale = Math.sqrt(unspent + oldLength ** 2 + (1 - kept) * donated ** 2) / (lengthOf('l2', bent) || 1)
        features.forEach((feature, index) => {
          displacement[feature] = bent[index] * scale
        })
      }
      return move(point)
    },
  }
}

/** η of the paper: two pyramids side by side, one up and one down, in either order of the axes; of length 1. */
function drawShape({ height, width }: Pick<Patch, 'height' | 'width'>, random: RandomSource): number[] {
  const sideways = height === 1 || (width > 1 && random.uniform() < 0.5)
  const [length, breadth] = sideways ? [width, height] : [height, width]
  const half = Math.floor(length / 2)
  const [up, down] = [pyramid(half, breadth), pyramid(length - half, breadth)]
  const values: number[] = []
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const [along, across] = sideways ? [column, row] : [row, column]
      values.push(along < half ? up(along, across) : -down(along - half, across))
    }
  }
  const scale = lengthOf('l2', values)
  return values.map((value) => value / scale)
}

/** Grows from ring to ring by 1/(k + 1)², highest in the middle; of length 1. */
function pyramid(height: number, width: number): (row: number, column: number) => number {
  const [middle, center] = [Math.floor(height / 2), Math.floor(width / 2)]
  const rings = Math.max(middle, center) + 1
  const values = Array.from({ length: rings }, () => 0)
  for (let ring = rings - 1; ring >= 0; ring--) values[ring] = (values[ring + 1] ?? 0) + 1 / (ring + 1) ** 2
  const at = (row: number, column: number) => values[Math.max(Math.abs(row - middle), Math.abs(column - center))]
  let squares = 0
  for (let row = 0; row < height; row++) for (let column = 0; column < width; column++) squares += at(row, column) ** 2
  return (row, column) => at(row, column) / Math.sqrt(squares)
}

function drawSign(random: RandomSource): number {
  return random.uniform() < 0.5 ? -1 : 1
}
