import { describe, isRecord, refuseUnknown } from '../src/arguments.js'
import type { Attack } from '../src/attacks/attack.js'
import type { RegressionAttack } from '../src/attacks/regression/regression-attack.js'
import type { Bound } from '../src/bounds/bound.js'
import { SettingsError } from '../src/errors.js'
import type { Norm } from '../src/geometry/norm.js'
import type { Classifier } from '../src/model/classifier.js'
import type { Model } from '../src/model/model.js'
import type { Regressor } from '../src/model/regressor.js'
import type { Samples } from '../src/sampling/samples.js'

/** Whether the value given to `expect` is a regressor. Whatever else it is, is for {@link requireClassifier} to say. */
export function isRegressor(received: unknown): received is Regressor {
  return isModel(received) && 'shape' in received.description.output
}

/** @throws SettingsError when the value given to `expect` is no model, or a regressor. */
export function requireClassifier(received: unknown): Classifier {
  const model = requireModel(received)
  if (!isRegressor(model)) return model as Classifier
  throw new SettingsError(
    `${model.description.name} is a regressor: of the matchers only toResistAttack and toSatisfyProperty are for regressors.`,
  )
}

/** @throws SettingsError when the value given to `expect` is no model. */
export function requireModel(received: unknown): Model {
  if (isModel(received)) return received
  throw new SettingsError(
    `expect() needs a model from loadModel(), but received ${describe(received)}.${hintFor(received)}`,
  )
}

function hintFor(received: unknown): string {
  if (!isRecord(received)) return ''
  if (typeof received.then === 'function') return ' Write expect(await loadModel(…)).'
  if (typeof received.predict !== 'function') return ''
  return ' A model of TensorFlow.js is loaded by loadTfjsModel(), functions of your own by fromFunctions().'
}

/** @throws SettingsError when samples are missing or have another form. */
export function requireSamples(options: unknown): Samples {
  const samples = isRecord(options) ? options.samples : undefined
  if (isRecord(samples) && isInputs(samples.inputs)) {
    const { inputs, labels, targets, partOf, ...others } = samples
    refuseUnknown('samples', others)
    return samples as unknown as Samples
  }
  const form =
    '{ inputs: { data: Float32Array, shape: [n, ...features] }, labels? }, as loadSamples() and samplesFrom() give them'
  throw new SettingsError(`The option samples must be ${form}, but is ${describe(samples)}.${hintAbout(samples)}`)
}

function hintAbout(samples: unknown): string {
  if (!isRecord(samples) || !isRecord(samples.inputs) || Array.isArray(samples.inputs)) return ''
  const { data, shape } = samples.inputs
  return ` Its inputs have data of type ${typeName(data)}, and a shape of type ${typeName(shape)}.`
}

/** @throws SettingsError when it is no attack. */
export function requireAttack(attack: unknown): Attack {
  if (isRecord(attack) && typeof attack.run === 'function') {
    if (attack.kind !== 'regression') return attack as unknown as Attack
    throw new SettingsError(
      `${attack.name} attacks regressors, and the model is a classifier. Use an attack such as pgd.`,
    )
  }
  throw new SettingsError(
    `Expected an attack such as pgd({ norm: 'linf', epsilon: 0.1 }), but got ${describe(attack)}.`,
  )
}

/** @throws SettingsError when it is neither an attack on classifiers nor a bound. */
export function requireMethod(method: unknown): Attack | Bound {
  return isRecord(method) && typeof method.margins === 'function' ? requireBound(method) : requireAttack(method)
}

/** @throws SettingsError when it is no attack on regressors. */
export function requireRegressionAttack(attack: unknown): RegressionAttack {
  if (isRecord(attack) && typeof attack.run === 'function' && attack.kind === 'regression') {
    return attack as unknown as RegressionAttack
  }
  const given = isRecord(attack) && typeof attack.name === 'string' ? attack.name : describe(attack)
  throw new SettingsError(
    `Expected an attack on regressors such as linear({ norm: 'linf', epsilon: 0.1 }), but got ${given}.`,
  )
}

/** @throws SettingsError when it is no bound, or one in another norm than asked for. */
export function requireBoundIn(norm: Norm, given: unknown): Bound {
  const bound = requireBound(given)
  if (bound.norm === norm) return bound
  throw new SettingsError(
    `The option norm is ${describe(norm)}, but the bound ${bound.name} was made for ${JSON.stringify(bound.norm)}.`,
  )
}

/** @throws SettingsError when it is no bound. */
export function requireBound(bound: unknown): Bound {
  if (isRecord(bound) && typeof bound.margins === 'function') return bound as unknown as Bound
  throw new SettingsError(`The option bound must be a bound such as crown(), but is ${describe(bound)}.`)
}

/** @throws SettingsError when the number lies outside the range. */
export function requireNumber(name: string, value: unknown, range: string, inRange: (value: number) => boolean): void {
  if (typeof value === 'number' && inRange(value)) return
  throw new SettingsError(`${name} must be ${range}, but is ${describe(value)}.`)
}

/** Arrays of another realm, such as Jest's, are no instances of this one's. */
function isInputs(value: unknown): boolean {
  return isRecord(value) && typeName(value.data) === 'Float32Array' && Array.isArray(value.shape)
}

function typeName(value: unknown): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1)
}

function isModel(value: unknown): value is Model {
  return (
    isRecord(value) &&
    typeof value.predict === 'function' &&
    isRecord(value.description) &&
    isRecord(value.description.output)
  )
}
