import { loadModel } from '../../src/model/load-model.js'
import type { RandomSource } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import { denseModel } from '../tiny-models.js'

/**
 * A classifier of the plane whose class 1 is a wedge that the origin looks at from outside, and the distances of the origin
 * to the wedge: class 0 leads by the larger of two linear functions.
 */
export async function wedge(random: RandomSource) {
  const angle = 2 * Math.PI * random.uniform()
  const opening = () => 0.3 + 0.9 * random.uniform()
  const normals = [opening(), -opening()].map((turn) => [Math.cos(angle + turn), Math.sin(angle + turn)])
  const tip = [Math.cos(angle), Math.sin(angle)]
  const offsets = normals.map(([x, y]) => x * tip[0] + y * tip[1])
  // max(f, g) = f + relu(g − f), with fᵢ = offsetᵢ − normalᵢ · x and f = relu(f) − relu(−f)
  const [f, g] = normals.map((normal) => normal.map((weight) => -weight))
  const difference = g.map((weight, feature) => weight - f[feature])
  const bytes = denseModel(
    {
      weights: [f, f.map((weight) => -weight), difference],
      bias: [offsets[0], -offsets[0], offsets[1] - offsets[0]],
      activation: 'Relu',
    },
    {
      weights: [
        [1, -1, 1],
        [0, 0, 0],
      ],
    },
  )
  // The edges of the wedge leave from its tip, each along the other's side. On each the distance is convex.
  const nearest = (length: (x: number, y: number) => number) => {
    const onEdges = normals.map(([x, y], index) => {
      const other = normals[1 - index]
      const side = other[1] * x > other[0] * y ? 1 : -1
      const at = (step: number) => length(tip[0] - side * step * y, tip[1] + side * step * x)
      let [low, high] = [0, 2]
      for (const _ of range(80)) {
        const [left, right] = [(2 * low + high) / 3, (low + 2 * high) / 3]
        if (at(left) < at(right)) high = right
        else low = left
      }
      return at(low)
    })
    return Math.min(...onEdges)
  }
  const distances = {
    l2: nearest(Math.hypot),
    linf: nearest((x, y) => Math.max(Math.abs(x), Math.abs(y))),
    l1: nearest((x, y) => Math.abs(x) + Math.abs(y)),
  }
  return { model: await loadModel(bytes, { domain: [-5, 5] }), distances }
}
