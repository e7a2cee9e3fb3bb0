import { expect } from '@jest/globals'
import '../../../matchers/jest.js'
import { pgd } from '../../../src/attacks/perturbation-analysis/pgd.js'
import { linear } from '../../../src/attacks/regression/linear.js'
import type { OutputLoss } from '../../../src/attacks/regression/regression-attack.js'
import { crown } from '../../../src/bounds/crown.js'
import type { Classifier } from '../../../src/model/classifier.js'
import type { Regressor } from '../../../src/model/regressor.js'
import type { Samples } from '../../../src/sampling/samples.js'

declare const model: Classifier
declare const regressor: Regressor
declare const loss: OutputLoss
declare const samples: Samples

const attack = pgd({ norm: 'linf', epsilon: 8 / 255 })
const bound = crown({ norm: 'l2' })

export const assertions: Promise<unknown>[] = [
  expect(model).toResistAttack(attack, { samples }),
  expect(model).not.toResistAttack(attack, { samples, maxFoolingRatio: 0.1, confidence: 0.95, seed: 1 }),
  expect(model).toResistAttack(attack, { samples, budget: { milliseconds: 1000 } }),
  expect(model).toHaveLowerBoundAbove(0.05, { samples, norm: 'l2', bound }),
  expect(model).not.toHaveLowerBoundAbove(0.05, { samples, norm: 'l2', bound, fraction: 0.9 }),
  expect(model).toHaveValidLowerBounds({ samples, bound }),
  expect(model).not.toHaveValidLowerBounds({ samples, bound, attacks: [attack], runs: 10, seed: 1, path: '0:1' }),
  expect(Promise.resolve(model)).resolves.toResistAttack(attack, { samples }),

  expect(model).toMatchRobustnessBaseline(attack, { samples }),
  expect(model).toMatchRobustnessBaseline(bound, { samples, name: 'certified', confidence: 0.999, budget: 1000 }),
  expect(model).not.toMatchRobustnessBaseline(attack, { samples, resampled: true, seed: 1 }),

  expect(regressor).toResistAttack(linear({ epsilon: 0.1 }), { samples, minOutputPsnr: 20 }),
  expect(regressor).not.toResistAttack(linear({ epsilon: 0.1 }), {
    samples,
    maxOutputError: 0.1,
    maxFoolingRatio: 0.1,
  }),
  expect(regressor).toResistAttack(linear({ epsilon: 0.1 }), { samples, loss, maxLoss: 2, seed: 1, budget: 1000 }),

  // @ts-expect-error an attack on classifiers has no output error
  expect(regressor).toResistAttack(attack, { samples, maxOutputError: 0.1 }),
  // @ts-expect-error there is nothing to attack
  expect(model).toResistAttack(attack),
  // @ts-expect-error inputs are part of samples
  expect(model).toResistAttack(attack, { samples: samples.inputs }),
  // @ts-expect-error a function that makes attacks is none
  expect(model).toResistAttack(pgd, { samples }),
  // @ts-expect-error no such option
  expect(model).toResistAttack(attack, { samples, maxFooled: 3 }),
  // @ts-expect-error the norm is part of the claim
  expect(model).toHaveLowerBoundAbove(0.05, { samples, bound }),
  // @ts-expect-error an attack is no bound
  expect(model).toHaveLowerBoundAbove(0.05, { samples, norm: 'l2', bound: attack }),
  // @ts-expect-error the radius comes first
  expect(model).toHaveLowerBoundAbove({ samples, norm: 'l2', bound }),
  // @ts-expect-error the attack comes first
  expect(model).toMatchRobustnessBaseline('name', { samples }),
  // @ts-expect-error there is nothing to compare
  expect(model).toMatchRobustnessBaseline(attack),
  // @ts-expect-error a bound is no attack
  expect(model).toHaveValidLowerBounds({ samples, bound, attacks: [bound] }),
]
