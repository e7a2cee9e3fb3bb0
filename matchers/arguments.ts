import type { Attack } from '../src/attacks/attack.js'
import type { Bound } from '../src/bounds/bound.js'
import { SettingsError } from '../src/errors.js'
import type { Norm } from '../src/geometry/norm.js'
import type { Classifier } from '../src/model/classifier.js'
import type { Samples } from '../src/sampling/samples.js'

/** @throws SettingsError when the value given to `expect` is no model. */
export function requireClassifier(received: unknown): Classifier {
  if (isRecord(received) && typeof received.predict === 'function' && isRecord(received.description)) {
    return received as unknown as Classifier
  }
  const hint = isRecord(received) && typeof received.then === 'function' ? ' Await it: expect(await loadModel(…)).' : ''
  throw new SettingsError(`expect() needs a model from loadModel(), but received ${describe(received)}.${hint}`)
}

/** @throws SettingsError when samples are missing or have another form. */
export function requireSamples(options: unknown): Samples {
  const samples = isRecord(options) ? options.samples : undefined
  if (isRecord(samples) && isRecord(samples.inputs) && ArrayBuffer.isView(samples.inputs.data)) {
    return samples as unknown as Samples
  }
  const form = '{ inputs: { data: Float32Array, shape: [n, ...features] }, labels? }, as loadSamples() gives them'
  throw new SettingsError(`The option samples must be ${form}, but is ${describe(samples)}.`)
}

/** @throws SettingsError when it is no attack. */
export function requireAttack(attack: unknown): Attack {
  if (isRecord(attack) && typeof attack.run === 'function') return attack as unknown as Attack
  throw new SettingsError(
    `Expected an attack such as pgd({ norm: 'linf', epsilon: 0.1 }), but got ${describe(attack)}.`,
  )
}

/** @throws SettingsError when it is no bound, or one in another norm than asked for. */
export function requireBound(bound: unknown, norm?: Norm): Bound {
  if (!isRecord(bound) || typeof bound.margins !== 'function') {
    throw new SettingsError(`The option bound must be a bound such as crown(), but is ${describe(bound)}.`)
  }
  if (norm !== undefined && bound.norm !== norm) {
    throw new SettingsError(
      `The option norm is ${JSON.stringify(norm)}, but the bound ${bound.name} was made for ${JSON.stringify(bound.norm)}.`,
    )
  }
  return bound as unknown as Bound
}

/** @throws SettingsError when the number lies outside the range. */
export function requireNumber(name: string, value: unknown, range: string, inRange: (value: number) => boolean): void {
  if (typeof value === 'number' && inRange(value)) return
  throw new SettingsError(`${name} must be ${range}, but is ${describe(value)}.`)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'function') return 'a function'
  if (!isRecord(value)) return String(value)
  return `an object with the properties ${Object.keys(value).join(', ') || '(none)'}`
}
