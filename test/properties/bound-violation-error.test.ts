import { describe, expect, test } from 'vitest'
import type { Bound } from '../../src/bounds/bound.js'
import * as unfooled from '../../src/index.js'
import { BoundViolationError } from '../../src/properties/bound-violation-error.js'
import { counterexample } from './counterexample.js'

const bounds: Bound[] = [
  unfooled.linearExact({ norm: 'l1' }),
  unfooled.crown({ norm: 'l2' }),
  unfooled.crownIbp({ norm: 'linf' }),
  unfooled.alphaCrown({ norm: 'l2', cuts: 0 }),
  unfooled.intervalPropagation({ norm: 'l2' }),
  unfooled.lipschitz({ norm: 'l1', scope: 'local' }),
  unfooled.taylor(),
  unfooled.publishedPeck(),
]

test('says what is certified, what refutes it, and at which distance', () => {
  const [first, second, ...rest] = new BoundViolationError(counterexample).message.split('\n')
  expect(first).toBe(
    'publishedPeck (unsound) certifies the radius 3.2 (l2), but a perturbation changes the class from 0 to 1 at distance 3.125. A test with this counterexample:',
  )
  expect(second).toBe('')
  // test/e2e/counterexample.test.ts runs it.
  expect(rest.join('\n')).toMatchInlineSnapshot(`
    "import { bound, publishedPeck, loadModel } from 'unfooled'
    import { networkModel } from 'unfooled/fast-check'
    import { expect, test } from 'vitest'

    test('publishedPeck (unsound) certifies less than the distance of an adversarial example', async () => {
      const network = {"inputShape":[1],"layers":[{"layer":"dense","weights":[[0.125]],"bias":[0]},{"layer":"activation","operator":"Relu"},{"layer":"dense","weights":[[0],[0.125]],"bias":[0.01,0]}]}
      const model = await loadModel(networkModel(network), { domain: [-10, 10] })
      // Classified otherwise: [3.125]
      const inputs = { data: Float32Array.of(0), shape: [1, 1] }
      const { samples } = await bound(model, publishedPeck({}), { inputs })
      expect(samples[0].radius).toBeLessThan(3.125)
    })"
  `)
})

describe.each(bounds)('$name', (bound) => {
  const { message } = new BoundViolationError({ ...counterexample, bound })

  test('the printed test makes the same bound again', () => {
    const [, name, settings] = /bound\(model, (\w+)\((.*)\), \{ inputs \}\)/.exec(message)!
    expect(message).toContain(`import { bound, ${name}, loadModel } from 'unfooled'`)
    const make = new Map<string, unknown>(Object.entries(unfooled)).get(name) as (settings: unknown) => Bound
    expect(make(JSON.parse(settings))).toMatchObject({ name: bound.name, norm: bound.norm, settings: bound.settings })
  })
})

test('a bound of somebody else is imported from where it is', () => {
  const bound: Bound = { ...unfooled.crown({ norm: 'l2' }), name: 'ourBound' }
  const { message } = new BoundViolationError({ ...counterexample, bound })
  expect(message).toContain("import { bound, loadModel } from 'unfooled'")
  expect(message).toContain("import { ourBound } from './ourBound'")
})
