import { expect, test } from 'vitest'
import { formatCount, formatDuration, formatNumber, formatPercent } from '../src/format.js'

test.each([
  [8 / 255, '0.03137'],
  [0.1, '0.1'],
  [123456, '123500'],
  [1e-9, '1e-9'],
  [Number.NEGATIVE_INFINITY, '-Infinity'],
])('number %d is %s', (value, text) => expect(formatNumber(value)).toBe(text))

test.each([
  [0, '0 %'],
  [0.0004, '< 0.1 %'],
  [0.1234, '12.3 %'],
  [0.5, '50 %'],
  [0.9996, '> 99.9 %'],
  [1, '100 %'],
  [Number.NaN, 'NaN'],
])('ratio %d is %s', (ratio, text) => expect(formatPercent(ratio)).toBe(text))

test.each([
  [0.4, '0 ms'],
  [420, '420 ms'],
  [4210, '4.2 s'],
  [59_900, '59.9 s'],
  [119_700, '2 min 0 s'],
  [185_000, '3 min 5 s'],
])('%d milliseconds are %s', (milliseconds, text) => expect(formatDuration(milliseconds)).toBe(text))

test('one of a thing is singular', () => {
  expect([0, 1, 2].map((count) => formatCount(count, 'sample'))).toEqual(['0 samples', '1 sample', '2 samples'])
})
