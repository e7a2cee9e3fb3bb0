import { afterAll, describe, expect, test } from 'vitest'
import type { Attack } from '../../src/attacks/attack.js'
import { deepFool } from '../../src/attacks/perturbation-analysis/deep-fool.js'
import { pgd } from '../../src/attacks/perturbation-analysis/pgd.js'
import { attack } from '../../src/attacks/run-attack.js'
import { attackWarnings } from '../../src/attacks/warnings.js'
import { square } from '../../src/attacks/without-gradients/square.js'
import { engine } from '../../src/engine/engine.js'
import type { GraphBuilder } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import { loadModel } from '../../src/model/load-model.js'
import { seed } from '../seed.js'
import { graphOf } from '../tiny-models.js'

afterAll(() => engine.close())

const findings = {
  samples: [],
  eligible: 4,
  fooled: 0,
  labelled: false,
  cleanAccuracy: 1,
  vanished: 2,
  flat: 0,
  steep: 0,
  standingAnywhere: 1,
  unfound: 1,
  interrupted: false,
  unproved: [],
}

test.each([
  ['an attack with another loss', { loss: 'cross-entropy' }, true],
  ['an attack that uses it already', { loss: 'margin' }, false],
  ['an attack that has no such setting', { steps: 100 }, false],
])('warnings recommend the margin to %s: %o', (_, settings, recommended) => {
  const warnings = attackWarnings({ ...findings, settings })
  expect(warnings).toHaveLength(3)
  for (const warning of warnings) expect(warning.includes("loss: 'margin'")).toBe(recommended)
})

describe('an infinite slope', () => {
  /** Three classes after some features; the first two of them need a large change. */
  async function warningsOf(features: (builder: GraphBuilder, input: string) => string, method: Attack) {
    const graph = graphOf([2], (builder, input) => {
      const weights = builder.floats([4, 0, 0, 4, 0, 0], [2, 3])
      return builder.add('Gemm', [features(builder, input), weights, builder.floats([0, 0, 30])])
    })
    const model = await loadModel(encodeModel(graph), { domain: [0, 1] })
    const inputs = { data: Float32Array.of(0, 0.5, 0.5, 0), shape: [2, 2] }
    const { warnings } = await attack(model, method, { inputs, seed })
    await model.close()
    return warnings.join()
  }
  const root = (builder: GraphBuilder, input: string) => builder.add('Sqrt', [input])
  const power = (exponent: number) => (builder: GraphBuilder, input: string) =>
    builder.add('Pow', [input, builder.scalar(exponent)])
  const shifted = (operator: string, offset: number) => (builder: GraphBuilder, input: string) =>
    root(builder, builder.add(operator, [builder.add('Add', [input, builder.scalar(offset)])]))
  const warning = /infinite slope at 2 of 2 eligible samples/

  test.each([
    ['√x', root],
    ['x^½', power(0.5)],
  ])('of %s at 0 is warned of', async (_, features) => {
    expect(await warningsOf(features, pgd({ epsilon: 0.2, loss: 'margin' }))).toMatch(warning)
    // What an attack finds without a radius may be too far away.
    expect(await warningsOf(features, deepFool())).toMatch(warning)
  })

  test.each([
    ['clear of 0', shifted('Identity', 1e-3)],
    ['where it is 0 around the sample as well', shifted('Relu', -0.6)],
    ['and a slope that is finite', power(1.5)],
  ])('is not warned of: √x %s', async (_, features) => {
    expect(await warningsOf(features, pgd({ epsilon: 0.2, loss: 'margin' }))).not.toMatch(/slope/)
  })

  test('is no matter to an attack without gradients', async () => {
    expect(await warningsOf(root, square({ epsilon: 0.2, queries: 20 }))).not.toMatch(/slope/)
  })
})
