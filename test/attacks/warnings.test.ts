import { afterAll, describe, expect, test } from 'vitest'
import { loadFixture } from '../../fixtures/index.js'
import type { Attack } from '../../src/attacks/attack.js'
import { apgd } from '../../src/attacks/auto-attack/apgd.js'
import { deepFool } from '../../src/attacks/perturbation-analysis/deep-fool.js'
import { fgsm } from '../../src/attacks/perturbation-analysis/fgsm.js'
import { pgd } from '../../src/attacks/perturbation-analysis/pgd.js'
import { attack } from '../../src/attacks/run-attack.js'
import { attackWarnings } from '../../src/attacks/warnings.js'
import { square } from '../../src/attacks/without-gradients/square.js'
import { engine } from '../../src/engine/engine.js'
import type { GraphBuilder } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import { loadModel } from '../../src/model/load-model.js'
import { firstSamples } from '../../src/sampling/samples.js'
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
  alike: 0,
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

describe('small logits', () => {
  async function resultOf(scale: number, method: Attack) {
    const { modelPath, domain, samples } = await loadFixture('digits_mlp')
    const whole = await loadModel(modelPath, { domain })
    const { graph } = whole
    await whole.close()
    const [{ name }] = graph.outputs
    const scaled = { data: Float32Array.of(scale), shape: [], type: 'float32' } as const
    const node = { ...graph.nodes[0], name: 'scale', operator: 'Mul', inputs: [name, 'scale'], outputs: ['scaled'] }
    const model = await loadModel(
      encodeModel({
        ...graph,
        nodes: [...graph.nodes, { ...node, attributes: new Map() }],
        constants: new Map([...graph.constants, ['scale', scaled]]),
        outputs: [{ ...graph.outputs[0], name: 'scaled' }],
      }),
      { domain },
    )
    const { fooled, warnings } = await attack(model, method, { ...firstSamples(samples, 100), seed })
    await model.close()
    return { fooled, warned: /differ by less than 2/.test(warnings.join()) }
  }

  test.each([
    ['fgsm', fgsm({ epsilon: 0.1 })],
    ['pgd', pgd({ epsilon: 0.1, steps: 10 })],
    ['apgd', apgd({ epsilon: 0.1, steps: 10 })],
  ])('weaken %s, which says so; those of a trained model do not', async (_, method) => {
    const [whole, small] = [await resultOf(1, method), await resultOf(1e-6, method)]
    expect([whole.warned, small.warned]).toEqual([false, true])
    expect(small.fooled).toBeLessThan(0.8 * whole.fooled)
  })

  test.each([
    ['pgd with the margin', pgd({ epsilon: 0.1, steps: 10, loss: 'margin' })],
    ['apgd with the difference of logits ratio', apgd({ epsilon: 0.1, steps: 10, loss: 'dlr' })],
  ])('are no matter to %s', async (_, method) => {
    const [whole, small] = [await resultOf(1, method), await resultOf(1e-6, method)]
    expect(small.warned).toBe(false)
    expect(small.fooled).toBe(whole.fooled)
  })
})
