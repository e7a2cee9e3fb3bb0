import { afterAll, describe, expect, test } from 'vitest'
import { deepFool } from '../../src/attacks/deep-fool.js'
import { pgd } from '../../src/attacks/pgd.js'
import { attack } from '../../src/attacks/run-attack.js'
import { engine } from '../../src/engine/engine.js'
import { loadModel } from '../../src/model/load-model.js'
import { seed } from '../seed.js'
import { denseModel } from '../tiny-models.js'

afterAll(() => engine.close())

const first = [
  [1.5, 0.3],
  [-2, 0.3],
]
const second = [
  [-2.4, 1.2],
  [0.5, -2.3],
]
const bytes = denseModel({ weights: first, activation: 'Sigmoid' }, { weights: second })

function margin(x: number, y: number): number {
  const [a, b] = first.map(([wx, wy]) => 1 / (1 + Math.exp(-wx * x - wy * y)))
  const [f, g] = second.map(([wa, wb]) => wa * a + wb * b)
  return f - g
}

// The exact minimum, by walking rings of growing radius around the point until the margin changes its sign.
function nearestFlip([x, y]: readonly [number, number], norm: 'linf' | 'l2' | 'l1'): number {
  const sign = Math.sign(margin(x, y))
  const flipsWithin = (radius: number) =>
    Array.from({ length: 4000 }, (_, index) => (2 * Math.PI * index) / 4000).some((angle) => {
      const [dx, dy] = [Math.cos(angle), Math.sin(angle)]
      const size = norm === 'l2' ? 1 : norm === 'l1' ? Math.abs(dx) + Math.abs(dy) : Math.max(Math.abs(dx), Math.abs(dy))
      return Math.sign(margin(x + (dx / size) * radius, y + (dy / size) * radius)) !== sign
    })
  let radius = 1e-3
  while (!flipsWithin(radius)) radius *= 1.001
  return radius
}

const points = [
  [0.5, 1],
  [-1, 0.5],
  [0.9, -1.2],
  [-0.4, -0.6],
] as const
const inputs = { data: Float32Array.from(points.flat()), shape: [points.length, 2] }
const labels = points.map(([x, y]) => (margin(x, y) > 0 ? 0 : 1))

describe.each(['linf', 'l2', 'l1'] as const)('the eight-weight network, %s', (norm) => {
  const exact = points.map((point) => nearestFlip(point, norm))

  test('pgd fools above the gridded optimum and not below', async () => {
    const model = await loadModel(bytes, { domain: [-5, 5] })
    for (const [factor, fooled] of [
      [1.02, points.length],
      [0.99, 0],
    ]) {
      const epsilon = exact.map((radius) => radius * factor)
      const result = await attack(model, pgd({ norm, epsilon, steps: 100 }), { inputs, labels, seed })
      expect(result.eligible).toBe(points.length)
      expect(result.fooled).toBe(fooled)
    }
    await model.close()
  })

  test.skipIf(norm === 'l1')('deepFool ends at most 2 % above the gridded optimum', async () => {
    const model = await loadModel(bytes, { domain: [-5, 5] })
    const result = await attack(model, deepFool({ norm: norm as 'linf' | 'l2' }), { inputs, labels, seed })
    result.samples.forEach((sample, index) => {
      expect(sample.distance![norm] / exact[index]).toBeGreaterThan(0.998)
      expect(sample.distance![norm] / exact[index]).toBeLessThan(1.02)
    })
    await model.close()
  })
})
