import { afterAll, describe, expect, test } from 'vitest'
import { apgd } from '../../src/attacks/auto-attack/apgd.js'
import { fab } from '../../src/attacks/auto-attack/fab.js'
import { carliniWagner } from '../../src/attacks/minimal-distance/carlini-wagner.js'
import { ddn } from '../../src/attacks/minimal-distance/ddn.js'
import { ead } from '../../src/attacks/minimal-distance/ead.js'
import { fmn } from '../../src/attacks/minimal-distance/fmn.js'
import { deepFool } from '../../src/attacks/perturbation-analysis/deep-fool.js'
import { pgd } from '../../src/attacks/perturbation-analysis/pgd.js'
import { attack } from '../../src/attacks/run-attack.js'
import { engine } from '../../src/engine/engine.js'
import { type AttackNorm, distance } from '../../src/geometry/norm.js'
import { loadModel } from '../../src/model/load-model.js'
import { takeSamples } from '../../src/sampling/rows.js'
import { seed } from '../seed.js'
import { denseModel } from '../tiny-models.js'
import { firstRadius } from './first-radius.js'

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

// The exact minimum: the smallest ring around the point on which the margin changes its sign.
function nearestFlip([x, y]: readonly [number, number], norm: AttackNorm): number {
  const sign = Math.sign(margin(x, y))
  const directions = Array.from({ length: 2000 }, (_, index) => {
    const [dx, dy] = [Math.cos((Math.PI * index) / 1000), Math.sin((Math.PI * index) / 1000)]
    const size = distance([0, 0], [dx, dy], norm)[norm]
    return [dx / size, dy / size]
  })
  const flips = (radius: number) =>
    directions.some(([dx, dy]) => Math.sign(margin(x + dx * radius, y + dy * radius)) !== sign)
  return firstRadius(flips, 1e-5)
}

const points = [
  [0.5, 1],
  [-1, 0.5],
  [0.9, -1.2],
  [-0.4, -0.6],
] as const
const inputs = { data: Float32Array.from(points.flat()), shape: [points.length, 2] }
const labels = points.map(([x, y]) => (margin(x, y) > 0 ? 0 : 1))

describe.each(['linf', 'l2', 'l1', 'l3'] as const)('the eight-weight network, %s', (norm) => {
  const exact = points.map((point) => nearestFlip(point, norm))

  test('pgd fools above the gridded optimum and not below', async () => {
    const model = await loadModel(bytes, { domain: [-5, 5] })
    for (const [sample, radius] of exact.entries()) {
      const request = { inputs: takeSamples(inputs, [sample]), labels: [labels[sample]], seed }
      const run = (epsilon: number) => attack(model, pgd({ norm, epsilon, stepSize: epsilon / 4 }), request)
      expect(await run(radius * 1.02)).toMatchObject({ eligible: 1, fooled: 1 })
      expect(await run(radius * 0.99)).toMatchObject({ eligible: 1, fooled: 0 })
    }
    await model.close()
  })

  test('deepFool ends at most 5 % above the gridded optimum, at the boundary in fewer passes than halving takes', async () => {
    const model = await loadModel(bytes, { domain: [-5, 5] })
    const result = await attack(model, deepFool({ norm }), { inputs, labels, seed })
    result.samples.forEach((sample, index) => {
      expect(sample.distance![norm] / exact[index]).toBeGreaterThan(0.998)
      expect(sample.distance![norm] / exact[index]).toBeLessThan(1.05)
      expect(sample.forwardQueries).toBeGreaterThan(0)
      expect(sample.forwardQueries).toBeLessThan(12)
    })
    await model.close()
  })
})

describe.each(['linf', 'l2', 'l1'] as const)('the eight-weight network, %s', (norm) => {
  const exact = points.map((point) => nearestFlip(point, norm))

  test('apgd fools above the gridded optimum and not below', async () => {
    const model = await loadModel(bytes, { domain: [-5, 5] })
    const run = (factor: number) =>
      attack(model, apgd({ norm, epsilon: exact.map((radius) => radius * factor) }), { inputs, labels, seed })
    expect((await run(1.02)).fooled).toBe(points.length)
    expect((await run(0.99)).fooled).toBe(0)
    await model.close()
  })

  test('fab ends at most 2 % above the gridded optimum', async () => {
    const model = await loadModel(bytes, { domain: [-5, 5] })
    const result = await attack(model, fab({ norm }), { inputs, labels, seed })
    result.samples.forEach((sample, index) => {
      expect(sample.distance![norm] / exact[index]).toBeGreaterThan(0.998)
      expect(sample.distance![norm] / exact[index]).toBeLessThan(1.02)
    })
    await model.close()
  })
})

describe.each([
  ['ddn', 'l2', ddn()],
  ['fmn', 'l1', fmn({ norm: 'l1' })],
  ['fmn', 'l2', fmn()],
  ['fmn', 'linf', fmn({ norm: 'linf' })],
  ['carliniWagner', 'l2', carliniWagner()],
  ['ead', 'l1', ead()],
] as const)('the eight-weight network, %s %s', (_, norm, method) => {
  test('ends at most 2 % above the gridded optimum', async () => {
    const model = await loadModel(bytes, { domain: [-5, 5] })
    const result = await attack(model, method, { inputs, labels, seed })
    result.samples.forEach((sample, index) => {
      const exact = nearestFlip(points[index], norm)
      expect(sample.distance![norm] / exact).toBeGreaterThan(0.998)
      expect(sample.distance![norm] / exact).toBeLessThan(1.02)
    })
    await model.close()
  })
})
