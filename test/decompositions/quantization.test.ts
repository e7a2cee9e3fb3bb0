import { afterAll, describe, expect, test } from 'vitest'
import { pgd } from '../../src/attacks/perturbation-analysis/pgd.js'
import { attack } from '../../src/attacks/run-attack.js'
import { crown } from '../../src/bounds/crown.js'
import { bound } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import { GraphBuilder } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import { loadModel } from '../../src/model/load-model.js'
import { straightThroughWarnings } from '../../src/model/straight-through.js'

afterAll(() => engine.close())

/** logits = 0.5·[[2, -1], [-3, 4]]·q(x) with q rounding to eighths and x in [0, 1]; weights in int8. */
function quantisedModel(): Uint8Array {
  const builder = new GraphBuilder(18)
  const input = builder.input('input', 'float32', ['batch', 2])
  const zero = builder.constant({ type: 'uint8', shape: [], data: Uint8Array.of(0) })
  const scale = builder.scalar(1 / 8)
  const quantised = builder.add('QuantizeLinear', [input, scale, zero])
  const rounded = builder.add('DequantizeLinear', [quantised, scale, zero])
  const weights = builder.constant({ type: 'int8', shape: [2, 2], data: Int8Array.of(2, -3, -1, 4) })
  const perColumn = builder.floats([0.5, 0.5])
  builder.output('logits', builder.add('MatMul', [rounded, builder.add('DequantizeLinear', [weights, perColumn])]))
  return encodeModel(builder.build())
}

describe('a quantised model', () => {
  const load = () => loadModel(quantisedModel(), { domain: [0, 1] })
  const inputs = { data: Float32Array.of(0.55, 0.3), shape: [1, 2] }

  test('has the predictions of the quantised values and the gradient of its weights', async () => {
    const model = await load()
    // 0.55 and 0.3 round to 0.5 and 0.25.
    const [first, second] = await model.predict(inputs)
    expect(first).toBeCloseTo(0.5 * (2 * 0.5 - 0.25), 5)
    expect(second).toBeCloseTo(0.5 * (-3 * 0.5 + 4 * 0.25), 5)
    const gradient = await model.inputGradient(inputs, [0], 'logit')
    expect(gradient[0]).toBeCloseTo(1, 5)
    expect(gradient[1]).toBeCloseTo(-0.5, 5)
    expect(model.description.warnings.join()).toMatch(/QuantizeLinear.*straight through/)
    await model.close()
  })

  test('says when the runtime computes something else than the file describes', async () => {
    const model = await load()
    expect(straightThroughWarnings(model.graph, 0.04)).toHaveLength(1)
    const [, warning] = straightThroughWarnings(model.graph, 0.3)
    expect(warning).toMatch(/differs by 0\.30 .*integer kernels may saturate/)
    await model.close()
  })

  test('is attacked through the rounding, and says so', async () => {
    const model = await load()
    const result = await attack(model, pgd({ norm: 'linf', epsilon: 0.4 }), { inputs, seed: 1 })
    expect(result.fooled).toBe(1)
    expect(result.warnings.join()).toMatch(/straight through/)
    await model.close()
  })

  test('has no bounds, and says which operator', async () => {
    const model = await load()
    await expect(bound(model, crown({ norm: 'linf' }), { inputs })).rejects.toThrow(/operator QuantizeLinear/)
    await model.close()
  })
})
