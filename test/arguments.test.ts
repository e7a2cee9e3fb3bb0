import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import '../matchers/vitest.js'
import { SettingsError, UnfooledError } from '../src/errors.js'
import * as main from '../src/index.js'
import type { Classifier } from '../src/model/classifier.js'
import * as properties from '../src/properties/index.js'
import { samplesBelow, thresholdModel } from './matchers/subject.js'
import { denseModel, operatorModel } from './tiny-models.js'

type Anything = (...given: unknown[]) => unknown

/** These take no settings and no request: numbers, texts and networks that other functions gave. */
const withoutSettings = [
  'boundDeviation',
  'networkModel',
  'parseProperty',
  'placePoint',
  'smallestEpsilonAbove',
  'testPoints',
]

const functions = Object.entries<unknown>({ ...main, ...properties }).filter(
  (entry): entry is [string, Anything] =>
    typeof entry[1] === 'function' && !entry[0].endsWith('Error') && !withoutSettings.includes(entry[0]),
)

/** What a call throws, at once or later; undefined where it goes well. */
async function thrownBy(call: () => unknown): Promise<unknown> {
  try {
    await call()
    return undefined
  } catch (error) {
    return error
  }
}

test('what is missing, and how a call looks, is said of every function that needs settings', async () => {
  const messages: string[] = []
  for (const [name, call] of functions) {
    const error = await thrownBy(() => (call as () => unknown)())
    if (error === undefined) continue
    expect(error, name).toBeInstanceOf(UnfooledError)
    messages.push(`${name}: ${(error as Error).message}`)
  }
  expect(messages.join('\n')).toMatchSnapshot()
})

test.each([
  ['null', null],
  ['a text', 'linf'],
  ['a list', []],
])('%s in place of settings is no TypeError', async (_, given) => {
  for (const [name, call] of functions) {
    const error = await thrownBy(() => call(given))
    expect(error, name).toBeInstanceOf(UnfooledError)
  }
})

describe('with a model', () => {
  let model: Classifier
  beforeAll(async () => {
    model = await thresholdModel()
  })
  afterAll(() => model.close())
  const samples = samplesBelow(2)
  const bytes = denseModel({ weights: [[-1], [1]] })
  const crown = main.crown({ norm: 'linf' })
  const pgd = main.pgd({ epsilon: 0.1 })
  const returning = (candidates: unknown): main.Attack => ({
    ...pgd,
    name: 'mine',
    run: async () => candidates as never,
  })
  const bounding = (margins: Float64Array): main.Bound => ({ ...crown, name: 'mine', margins: async () => margins })

  test.each<[string, () => unknown]>([
    ['no request of attack', () => (main.attack as Anything)(model, pgd)],
    ['a bound in place of an attack', () => (main.attack as Anything)(model, crown, samples)],
    ['an attack that was not called', () => (main.attack as Anything)(model, main.pgd, samples)],
    [
      'misspelt labels of attack',
      () => (main.attack as Anything)(model, pgd, { inputs: samples.inputs, lables: [0, 0] }),
    ],
    ['a model that was not awaited', () => (main.attack as Anything)(Promise.resolve(model), pgd, samples)],
    ['no request of bound', () => (main.bound as Anything)(model, crown)],
    [
      'misspelt labels of bound',
      () => (main.bound as Anything)(model, crown, { inputs: samples.inputs, lables: [0, 0] }),
    ],
    ['no request of marginBounds', () => (main.marginBounds as Anything)(model, crown, samples)],
    ['no request of attackRegressor', () => (main.attackRegressor as Anything)(model, main.linear({ epsilon: 0.1 }))],
    ['no request of epsilonSweep', () => (main.epsilonSweep as Anything)(model, main.deepFool())],
    ['no request of perturbationSequence', () => (main.perturbationSequence as Anything)(model)],
    ['no request of linearisedDistance', () => (main.linearisedDistance as Anything)(model)],
    ['no property of verifyProperty', () => (main.verifyProperty as Anything)(model)],
    ['no bound of validLowerBounds', () => (properties.validLowerBounds as Anything)()],
    ['no models of ensemble', () => (main.ensemble as Anything)({ epsilon: 0.1 })],
    ['no attack of transfer', () => (main.transfer as Anything)({ surrogates: [model] })],
    [
      'a surrogate that was not awaited',
      () => (main.transfer as Anything)({ attack: pgd, surrogates: [Promise.resolve(model)] }),
    ],
    ['one attack in place of a list', () => (main.firstSuccess as Anything)(pgd)],
    ['no attacks to start from', () => (main.linearRegion as Anything)({ starts: [] })],
    ['a budget in seconds', () => main.attack(model, pgd, { ...samples, budget: { seconds: 5 } as never })],
    [
      'an attack on regressors for a classifier',
      () => (main.attack as Anything)(model, main.linear({ epsilon: 0.1 }), samples),
    ],
    ['an attack that is text', () => (main.attack as Anything)(model, 'pgd', samples)],
    ['an attack in place of a bound', () => (main.bound as Anything)(model, pgd, samples)],
    ['a radius that is text', () => (main.pgd as Anything)({ epsilon: '0.1' })],
    ['a norm that is a number', () => (main.pgd as Anything)({ epsilon: 0.1, norm: Number.POSITIVE_INFINITY })],
    ['no number of first samples', () => (main.firstSamples as Anything)(samples)],
    [
      'a number in place of preprocessing',
      () => main.loadModel(bytes, { domain: [0, 1], preprocessing: 0.5 as never }),
    ],
    [
      "an attack of one's own without a kind",
      () => (main.attack as Anything)(model, { ...pgd, kind: undefined }, samples),
    ],
    ["an attack of one's own that returns nothing", () => main.attack(model, returning(undefined), samples)],
    ['candidates without steps', () => main.attack(model, returning({ adversarial: samples.inputs.data }), samples)],
    [
      'candidates of too few numbers',
      () => main.attack(model, returning({ adversarial: new Float32Array(1) }), samples),
    ],
    ["a bound of one's own with too few margins", () => main.bound(model, bounding(new Float64Array(3)), samples)],
    [
      'marginBounds of too few margins',
      () => main.marginBounds(model, bounding(new Float64Array(3)), { ...samples, epsilon: 0.1 }),
    ],
    [
      "a bound of one's own with too few radii",
      () => main.bound(model, { ...crown, radii: async () => new Float64Array(1) }, samples),
    ],
    [
      'one radius in place of a list',
      () => (main.epsilonSweep as Anything)(model, () => pgd, { ...samples, epsilons: 0.1 }),
    ],
    [
      'a sweep of no attacks',
      () => (main.epsilonSweep as Anything)(model, (epsilon: number) => epsilon, { ...samples, epsilons: [0.1] }),
    ],
    ['nothing given to toResistAttack', () => (expect(model).toResistAttack as Anything)()],
    ['no options of toResistAttack', () => (expect(model).toResistAttack as Anything)(pgd)],
    ['nothing given to toHaveLowerBoundAbove', () => (expect(model).toHaveLowerBoundAbove as Anything)()],
    ['nothing given to toHaveValidLowerBounds', () => (expect(model).toHaveValidLowerBounds as Anything)()],
    ['nothing given to toMatchRobustnessBaseline', () => (expect(model).toMatchRobustnessBaseline as Anything)()],
    ['nothing given to toSatisfyProperty', () => (expect(model).toSatisfyProperty as Anything)()],
  ])('%s', async (_, call) => {
    const error = await thrownBy(call)
    expect(error).toBeInstanceOf(SettingsError)
    expect((error as Error).message).toMatchSnapshot()
  })

  test('an attack may return its candidates without a promise', async () => {
    const { data } = samples.inputs
    const counts = new Int32Array(2)
    const prompt = { ...pgd, run: (() => ({ adversarial: data, steps: counts, gradientQueries: counts })) as never }
    expect((await main.attack(model, prompt, samples)).fooled).toBe(0)
  })

  test('a regressor in place of a classifier, and the other way round', async () => {
    const regressor = await main.loadRegressor(operatorModel([1], 'Relu'), { domain: [0, 1], name: 'relu.onnx' })
    const errors = await Promise.all([
      thrownBy(() => (main.attack as Anything)(regressor, pgd, samples)),
      thrownBy(() => (main.bound as Anything)(regressor, crown, samples)),
      thrownBy(() => (main.attackRegressor as Anything)(model, main.linear({ epsilon: 0.1 }), samples)),
      thrownBy(() => (main.attackRegressor as Anything)(regressor, pgd, samples)),
    ])
    expect(errors).toMatchSnapshot()
    await regressor.close()
  })
})
