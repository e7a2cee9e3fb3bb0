import { describe, expect, test } from 'vitest'
import type { Attack } from '../../src/attacks/attack.js'
import { firstSuccess } from '../../src/attacks/auto-attack/first-success.js'
import { linearRegion } from '../../src/attacks/linear-region/linear-region.js'
import { boundaryProjection } from '../../src/attacks/minimal-distance/boundary-projection.js'
import { algorithm1 } from '../../src/attacks/perturbation-analysis/algorithm1.js'
import { algorithm2 } from '../../src/attacks/perturbation-analysis/algorithm2.js'
import { bim } from '../../src/attacks/perturbation-analysis/bim.js'
import { deepFool } from '../../src/attacks/perturbation-analysis/deep-fool.js'
import { ensemble } from '../../src/attacks/perturbation-analysis/ensemble.js'
import { fgsm } from '../../src/attacks/perturbation-analysis/fgsm.js'
import { gnm } from '../../src/attacks/perturbation-analysis/gnm.js'
import { perturbationAnalysis } from '../../src/attacks/perturbation-analysis/perturbation-analysis.js'
import { pgd } from '../../src/attacks/perturbation-analysis/pgd.js'
import { rfgsm } from '../../src/attacks/perturbation-analysis/rfgsm.js'
import { randomNoise } from '../../src/attacks/without-gradients/random-noise.js'
import { transfer } from '../../src/attacks/without-gradients/transfer.js'
import { SettingsError } from '../../src/errors.js'
import * as unfooled from '../../src/index.js'
import type { Classifier } from '../../src/model/classifier.js'
import { attackList } from '../attack-list.mjs'

const factories: Record<string, unknown> = { ...unfooled }

/** All but those whose argument is a list of attacks. */
const attackFactories = [
  ...attackList(unfooled).map(({ name }) => name),
  'autoAttack',
  'perturbationAnalysis',
  ...['linear', 'linearPixel', 'quadratic', 'quadraticPixel', 'randomLp', 'randomPixel'],
].filter((name) => name !== 'firstSuccess')

// With the default in place of what was meant, it would be another attack, and a weaker one as likely as not.
test.each(attackFactories)('%s refuses settings that it does not have', (name) => {
  const make = factories[name] as (settings: object) => unknown
  expect(() => make({ epsilon: 0.1, stepSize: 0.1, stpes: 1000 })).toThrow(`${name} has no setting `)
  expect(() => make({ epsilon: 0.1, stepSize: 0.1, stpes: 1000 })).toThrow('"stpes"')
})

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
    [
      'the norm l0',
      () => pgd({ norm: 'l0', epsilon: 1 }),
      /takes the norms linf, l2, l1 and any other .* norm is "l0"/,
    ],
    ['an exponent below 1', () => deepFool({ norm: 'l0.5' }), /takes the norms .* norm is "l0.5"/],
    ['an infinite exponent', () => pgd({ norm: 'lInfinity' as never, epsilon: 1 }), /takes the norms/],
    ['a capital letter', () => pgd({ norm: 'L2' as never, epsilon: 1 }), /takes the norms .* norm is "L2"/],
    [
      'an exponent that is written otherwise',
      () => deepFool({ norm: 'l2.0' as never }),
      /takes the norms .* norm is "l2.0"/,
    ],
    ['no norm', () => fgsm({ norm: 2 as never, epsilon: 1 }), /takes the norms .* norm is 2/],
    [
      'a norm that this attack lacks',
      () => randomNoise({ norm: 'l3' as never, epsilon: 1 }),
      /takes the norms linf, l2, l1; norm is "l3"/,
    ],
    ['another loss', () => pgd({ epsilon: 1, loss: 'mse' as never }), /losses/],
    ['a target between classes', () => pgd({ epsilon: 1, target: 0.5 }), /target/],
    ['a target below 0', () => fgsm({ epsilon: 1, target: -1 }), /target/],
    ['a random start beyond the ball', () => perturbationAnalysis({ epsilon: 1, randomStart: 1.1 }), /randomStart/],
    ['a random start that leaves no step', () => rfgsm({ epsilon: 1, randomStart: 1 }), /randomStart/],
    ['dithers for another number of steps', () => algorithm1({ epsilon: 1, steps: 3, dithering: [1, 0] }), /3 steps/],
    ['dithers beyond the ball', () => algorithm1({ epsilon: 1, dithering: 2 }), /dithering/],
    ['restarts without anything random', () => perturbationAnalysis({ epsilon: 1, restarts: 2 }), /randomStart or/],
    ['subsets with a dither', () => algorithm1({ epsilon: 1, steps: 1, subsets: [[0]], dithering: 0.1 }), /subsets/],
    ['subsets that overlap', () => algorithm1({ epsilon: 1, steps: 1, subsets: [[0, 1], [1]] }), /in two of them/],
    ['an empty subset', () => algorithm1({ epsilon: 1, steps: 1, subsets: [[]] }), /must not be empty/],
    ['a subset of no features', () => algorithm1({ epsilon: 1, steps: 1, subsets: [[-1]] }), /counted from 0/],
    ['more steps than subsets', () => algorithm1({ epsilon: 1, steps: 3, subsets: [[0], [1]] }), /there are 2/],
    ['a list that holds no subsets', () => algorithm1({ epsilon: 1, steps: 1, subsets: [1, 2] as never }), /lists/],
    ['a step that does not exist', () => perturbationAnalysis({ step: 'both' as never, epsilon: 1 }), /minimum-norm/],
    ['a step size below 0', () => perturbationAnalysis({ epsilon: [1, 2], stepSize: (e) => 1 - e }), /stepSize/],
    [
      'a random start that is no number',
      () => perturbationAnalysis({ epsilon: 1, randomStart: 'x' as never }),
      /start/i,
    ],
    ['no surrogates', () => ensemble({ surrogates: [], epsilon: 1 }), /surrogates/],
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
  expect(deepFool({ norm: 'l3', target: 1 }).settings).toMatchObject({ norm: 'l3', target: 1 })
  expect(rfgsm({ epsilon: 1 }).settings).toEqual({ norm: 'linf', epsilon: 1, randomStart: 0.5 })
  expect(bim({ epsilon: 1 }).settings).toEqual({ norm: 'linf', epsilon: 1, steps: 10 })
  expect(gnm({ epsilon: 1 }).settings).toEqual({ norm: 'linf', epsilon: 1 })
  expect(algorithm1({ epsilon: 1, steps: 2, dithering: [0.5, 0] }).settings).toEqual({
    norm: 'linf',
    epsilon: 1,
    steps: 2,
    dithering: '0.5, 0',
  })
  expect(algorithm1({ epsilon: 1, steps: 1, subsets: [[0, 1], [2]] }).settings).toMatchObject({
    subsets: expect.stringMatching(/^2 \(sha256 [0-9a-f]{12}\)$/),
  })
  expect(algorithm2({ epsilon: [1] }).settings).toEqual({ norm: 'linf', epsilon: 'per sample', steps: 1, dithering: 0 })
  expect(perturbationAnalysis({ norm: 'l2', epsilon: 8, steps: 4, subsets: [[0], [1], [2], [3]] }).settings).toEqual({
    step: 'norm-constrained',
    loss: 'margin',
    norm: 'l2',
    epsilon: 8,
    steps: 4,
    stepSize: 4,
    randomStart: false,
    dithering: 0,
    restarts: 1,
    subsets: expect.stringMatching(/^4 /),
  })
  expect(perturbationAnalysis({ step: 'minimum-norm' }).settings).toEqual({
    step: 'minimum-norm',
    ...deepFool().settings,
  })
  expect(randomNoise({ epsilon: 1 }).settings).toEqual({ norm: 'linf', epsilon: 1, repeats: 10 })
})

// A baseline is compared only with the same attack: one that is weaker by what is not recorded would pass.
test.each<[string, (changed: boolean) => Attack]>([
  [
    'a part of firstSuccess',
    (changed) => firstSuccess([fgsm({ epsilon: 1 }), pgd({ epsilon: 1, steps: changed ? 1 : 40 })]),
  ],
  [
    'a start of boundaryProjection',
    (changed) => boundaryProjection({ starts: [deepFool({ steps: changed ? 1 : 50 })] }),
  ],
  ['a start of linearRegion', (changed) => linearRegion({ starts: [deepFool({ steps: changed ? 1 : 50 })] })],
  [
    'the attack of transfer',
    (changed) => transfer({ attack: pgd({ epsilon: 1, steps: changed ? 1 : 40 }), surrogates: [model('a')] }),
  ],
  [
    'a surrogate of transfer',
    (changed) => transfer({ attack: fgsm({ epsilon: 1 }), surrogates: [model(changed ? 'b' : 'a')] }),
  ],
  ['a surrogate of ensemble', (changed) => ensemble({ epsilon: 1, surrogates: [model(changed ? 'b' : 'a')] })],
  ['subsets', (changed) => algorithm1({ epsilon: 1, steps: 1, subsets: [[changed ? 0 : 1]] })],
])('%s that is another is recorded as another', (_, make) => {
  expect(make(false).settings).toEqual(make(false).settings)
  expect(make(true).settings).not.toEqual(make(false).settings)
})

/** Of one name, with the hash of its file. */
function model(digit: string): Classifier {
  return { description: { name: 'model', sha256: digit.repeat(64) } } as Classifier
}
