import { afterAll, describe, expect, test } from 'vitest'
import type { Attack } from '../../src/attacks/attack.js'
import { attack } from '../../src/attacks/run-attack.js'
import { hopSkipJump } from '../../src/attacks/without-gradients/hop-skip-jump.js'
import { rayS } from '../../src/attacks/without-gradients/ray-s.js'
import { square } from '../../src/attacks/without-gradients/square.js'
import { drawPatch, featureGrid } from '../../src/attacks/without-gradients/square-grid.js'
import { engine } from '../../src/engine/engine.js'
import { elementCount } from '../../src/graph/graph.js'
import { loadModel } from '../../src/model/load-model.js'
import { randomSource } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import { seed } from '../seed.js'
import { denseModel } from '../tiny-models.js'
import { firstRadius } from './first-radius.js'
import { linearCase } from './linear-case.js'

afterAll(() => engine.close())

describe('linear classifiers', () => {
  test.each([
    ['linf', 1.001, 300],
    ['l2', 1.03, 2500],
  ] as const)('square %s fools just above the exact distance and never below', async (norm, above, queries) => {
    const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes: 2, count: 20 })
    const run = (factor: number, target?: number[]) => {
      const epsilon = distances(norm).map((distance) => distance * factor)
      return attack(model, square({ norm, epsilon, queries, target }), { inputs, labels, seed })
    }
    expect(await run(above)).toMatchObject({ fooled: 20 })
    expect(
      await run(
        above,
        labels.map((label) => 1 - label),
      ),
    ).toMatchObject({ fooled: 20 })
    const below = await run(0.999)
    expect(below).toMatchObject({ fooled: 0, forwardQueries: 20 * queries })
    await model.close()
  })

  test.each<[string, Attack, 'linf' | 'l2']>([
    ['rayS', rayS({ queries: 400 }), 'linf'],
    ['hopSkipJump', hopSkipJump({ queries: 10_000 }), 'l2'],
  ])('%s comes within two percent of the exact distance', async (_, method, norm) => {
    for (const classes of [2, 6]) {
      const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes, count: 12 })
      const result = await attack(model, method, { inputs, labels, seed })
      expect(result.fooled).toBe(12)
      result.samples.forEach((sample, index) => {
        const ratio = sample.distance![norm] / distances(norm)[index]
        expect(ratio).toBeGreaterThan(1 - 1e-5)
        expect(ratio).toBeLessThan(1.02)
      })
      await model.close()
    }
  })
})

describe('the eight-weight network', () => {
  const first = [
    [1.5, 0.3],
    [-2, 0.3],
  ]
  const second = [
    [-2.4, 1.2],
    [0.5, -2.3],
  ]
  const points = [
    [0.5, 1],
    [-1, 0.5],
    [0.9, -1.2],
    [-0.4, -0.6],
  ]
  const isFirst = (x: number, y: number) => {
    const hidden = first.map(([wx, wy]) => 1 / (1 + Math.exp(-wx * x - wy * y)))
    const [f, g] = second.map((row) => row[0] * hidden[0] + row[1] * hidden[1])
    return f >= g
  }
  /** The radius of the smallest square or circle around the point that the boundary touches. */
  const nearestFlip = ([x, y]: readonly number[], norm: 'linf' | 'l2') => {
    const flips = (radius: number) =>
      range(1000).some((index) => {
        const [dx, dy] = [Math.cos((Math.PI * index) / 500), Math.sin((Math.PI * index) / 500)]
        const scale = norm === 'l2' ? radius : radius / Math.max(Math.abs(dx), Math.abs(dy))
        return isFirst(x + dx * scale, y + dy * scale) !== isFirst(x, y)
      })
    return firstRadius(flips, 1e-4)
  }

  test.each([
    ['linf', rayS({ queries: 300 })],
    ['l2', hopSkipJump({ queries: 3000 })],
  ] as const)('attacks come within two percent of the gridded optimum, %s', async (norm, closest) => {
    const model = await loadModel(denseModel({ weights: first, activation: 'Sigmoid' }, { weights: second }), {
      domain: [-5, 5],
    })
    const exact = points.map((point) => nearestFlip(point, norm))
    const run = (method: Attack) =>
      attack(model, method, { inputs: { data: Float32Array.from(points.flat()), shape: [4, 2] }, seed })
    const { samples } = await run(closest)
    samples.forEach(({ distance }, index) => {
      expect(distance![norm] / exact[index]).toBeGreaterThan(0.998)
      expect(distance![norm] / exact[index]).toBeLessThan(1.02)
    })
    const fooledAt = async (factor: number) => {
      const epsilon = exact.map((radius) => radius * factor)
      return (await run(square({ norm, epsilon, queries: 500, restarts: 5 }))).fooled
    }
    expect(await fooledAt(1.02)).toBe(4)
    expect(await fooledAt(0.99)).toBe(0)
    await model.close()
  })
})

describe('the grid of square', () => {
  test.each([
    [[784], { channels: 1, height: 1, width: 784 }],
    [[1, 28, 28], { channels: 1, height: 28, width: 28 }],
    [[3, 32, 24], { channels: 3, height: 32, width: 24 }],
    [[32, 24, 3], { channels: 3, height: 32, width: 24 }],
    [[28, 28, 1], { channels: 1, height: 28, width: 28 }],
    [[2, 5, 8, 9], { channels: 10, height: 8, width: 9 }],
    [[2, 3, 4, 8, 9], { channels: 24, height: 8, width: 9 }],
    [[9, 1], { channels: 1, height: 1, width: 9 }],
    [[1], { channels: 1, height: 1, width: 1 }],
  ])('of %j', (featureShape, expected) => {
    const grid = featureGrid(featureShape)
    expect(grid).toMatchObject(expected)
    const positions = range(grid.channels).flatMap((channel) =>
      range(grid.height).flatMap((row) => range(grid.width).map((column) => grid.index(channel, row, column))),
    )
    expect(positions.toSorted((left, right) => left - right)).toEqual(range(elementCount(featureShape)))
  })

  test('channels last are channels, not rows', () => {
    const { index } = featureGrid([8, 6, 3])
    expect(index(1, 2, 3)).toBe((2 * 6 + 3) * 3 + 1)
  })

  test.each([
    [[1, 10, 10], 0.25],
    [[1, 4, 100], 0.25],
    [[1, 100, 4], 0.25],
    [[100], 0.1],
    [[3, 9, 9], 1],
    [[1, 30, 30], 1e-5],
  ])('patches of %j cover the fraction %d of it, and reach every place', (featureShape, p) => {
    const grid = featureGrid(featureShape)
    const random = randomSource(seed)
    const seen = new Set<string>()
    for (let draw = 0; draw < 20_000; draw++) {
      const { top, left, height, width } = drawPatch(grid, p, random)
      expect(height * width).toBe(Math.max(1, Math.round(p * grid.height * grid.width)))
      seen.add(`${top} ${left}`).add(`${top + height - 1} ${left + width - 1}`)
    }
    expect(seen).toContain('0 0')
    expect(seen).toContain(`${grid.height - 1} ${grid.width - 1}`)
  })
})
