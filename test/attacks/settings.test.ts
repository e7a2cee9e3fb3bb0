import { describe, expect, test } from 'vitest'
import { deepFool } from '../../src/attacks/deep-fool.js'
import { fgsm } from '../../src/attacks/fgsm.js'
import { pgd } from '../../src/attacks/pgd.js'
import { randomNoise } from '../../src/attacks/random-noise.js'
import { SettingsError } from '../../src/errors.js'

describe('settings that make no sense are refused', () => {
  test.each<[string, () => unknown, RegExp]>([
    ['epsilon 0', () => pgd({ epsilon: 0 }), /epsilon must be a finite number above 0; it is 0/],
    ['epsilon below 0', () => fgsm({ epsilon: -1 }), /epsilon/],
    ['epsilon NaN', () => randomNoise({ epsilon: Number.NaN }), /epsilon/],
    ['epsilon infinite', () => pgd({ epsilon: Infinity }), /epsilon/],
    ['one of several epsilons', () => pgd({ epsilon: [0.1, 0] }), /epsilon/],
    ['no epsilon', () => pgd({} as never), /epsilon/],
    ['no steps', () => pgd({ epsilon: 1, steps: 0 }), /steps must be a whole number of at least 1; it is 0/],
    ['half a step', () => deepFool({ steps: 1.5 }), /steps/],
    ['a step of size 0', () => pgd({ epsilon: 1, stepSize: 0 }), /stepSize/],
    ['no restarts', () => pgd({ epsilon: 1, restarts: 0 }), /restarts/],
    ['restarts from the same point', () => pgd({ epsilon: 1, restarts: 2, randomStart: false }), /randomStart/],
    ['another norm', () => pgd({ norm: 'l0' as never, epsilon: 1 }), /takes the norms linf, l2, l1; norm is "l0"/],
    ['a norm that this attack lacks', () => deepFool({ norm: 'l1' as never }), /takes the norms l2, linf/],
    ['another loss', () => pgd({ epsilon: 1, loss: 'mse' as never }), /losses/],
    ['a target between classes', () => pgd({ epsilon: 1, target: 0.5 }), /target/],
    ['a target below 0', () => fgsm({ epsilon: 1, target: -1 }), /target/],
    ['an overshoot below 0', () => deepFool({ overshoot: -0.1 }), /overshoot/],
    ['no repeats', () => randomNoise({ epsilon: 1, repeats: 0 }), /repeats/],
  ])('%s', (_, make, message) => {
    expect(make).toThrow(SettingsError)
    expect(make).toThrow(message)
  })
})

test('settings are recorded with their defaults', () => {
  expect(pgd({ epsilon: 0.4 }).settings).toEqual({
    norm: 'linf',
    epsilon: 0.4,
    steps: 40,
    stepSize: 0.025,
    randomStart: true,
    restarts: 1,
    loss: 'cross-entropy',
  })
  expect(pgd({ epsilon: [1, 2], target: [0, 1] }).settings).toMatchObject({
    epsilon: 'per sample',
    stepSize: 'per sample',
    target: 'per sample',
  })
  expect(fgsm({ norm: 'l2', epsilon: 1, target: 3 }).settings).toEqual({ norm: 'l2', epsilon: 1, target: 3 })
  expect(deepFool().settings).toEqual({ norm: 'l2', steps: 50, overshoot: 0.02, candidates: 10 })
  expect(randomNoise({ epsilon: 1 }).settings).toEqual({ norm: 'linf', epsilon: 1, repeats: 10 })
})
