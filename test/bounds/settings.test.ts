import { describe, expect, test } from 'vitest'
import { SettingsError } from '../../src/errors.js'
import * as unfooled from '../../src/index.js'

const factories: Record<string, unknown> = { ...unfooled }

function make(name: string, ...settings: unknown[]): () => unknown {
  return () => (factories[name] as (...settings: unknown[]) => unknown)(...settings)
}

const withNorm = [
  'crown',
  'crownIbp',
  'alphaCrown',
  'intervalPropagation',
  'lipschitz',
  'linearExact',
  'complete',
  'exact',
]
const withoutSettings = ['taylor', 'publishedPeck']

// With the default in place of what was meant, it would be another bound.
test.each([...withNorm, ...withoutSettings])('%s refuses settings that it does not have', (name) => {
  const norm = withNorm.includes(name) ? { norm: 'linf' } : {}
  expect(make(name, norm)).not.toThrow()
  expect(make(name, { ...norm, roudning: 'ignored' })).toThrow(SettingsError)
  expect(make(name, { ...norm, roudning: 'ignored' })).toThrow(`${name} has no setting "roudning"`)
})

describe.each(withNorm)('%s', (name) => {
  test.each([
    ['no settings', [], 'It was given nothing.'],
    ['null', [null], 'It was given null.'],
    ['the norm alone', ['l2'], 'It was given "l2".'],
  ])('says what it takes when it is given %s', (_, settings, given) => {
    expect(make(name, ...settings)).toThrow(SettingsError)
    expect(make(name, ...settings)).toThrow(
      `${name} takes an object with its settings, such as ${name}({ norm: 'linf' })`,
    )
    expect(make(name, ...settings)).toThrow(given)
  })

  test.each([undefined, 'l7', 2])('names the norm when it is %s', (norm) => {
    expect(make(name, { norm })).toThrow(SettingsError)
    expect(make(name, { norm })).toThrow(
      new RegExp(`${name} takes for norm one of linf.*; it is ${JSON.stringify(norm)}`),
    )
  })
})
