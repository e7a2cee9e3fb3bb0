import { join } from 'node:path'
import { expect, test } from 'vitest'
import { SettingsError } from '../../src/errors.js'
import { loadSamples } from '../../src/sampling/load-samples.js'
import { expectRefusal, temporaryFolder } from './temporary-folder.js'

const folderWith = temporaryFolder()
const fileWith = (text: string, name = 'samples.csv') => join(folderWith({ [name]: text }), name)

const inputs = { data: Float32Array.of(0.5, -1, 2e-3, 4), shape: [2, 2] }
const labels = Int32Array.of(1, 0)

test('without a header every column is an input', async () => {
  expect(await loadSamples(fileWith('0.5,-1\n2e-3,+4.\n'))).toEqual({ inputs })
})

test.each([
  ['first', '1,0.5,-1\n0,2e-3,4\n', 0],
  ['last, counted from the end', '0.5,-1,1\n2e-3,4,0\n', -1],
  ['in between, with a header', 'a,digit,b\n0.5,1,-1\n2e-3,0,4\n', 1],
  ['named', 'a,digit,b\n0.5,1,-1\n2e-3,0,4\n', 'digit'],
  ['named as usual', 'a,b,Label\n0.5,-1,1\n2e-3,4,0\n', undefined],
])('finds labels in a column that is %s', async (_, text, column) => {
  expect(await loadSamples(fileWith(text), { labels: column })).toEqual({ inputs, labels })
})

test('reads what spreadsheets write: byte order mark, CRLF, quotes, blanks, empty lines', async () => {
  const text = '\ufeff"a","b",y\r\n "0.5", -1 ,1\r\n\r\n2e-3,4,0\r\n'
  expect(await loadSamples(fileWith(text))).toEqual({ inputs, labels })
})

test('reads tabs in a .tsv file', async () => {
  expect(await loadSamples(fileWith('0.5\t-1\n0.002\t4\n', 'samples.TSV'))).toEqual({ inputs })
})

test('a first row of numbers can be declared to name the columns', async () => {
  const path = fileWith('0,1\n0.5,-1\n2e-3,4\n')
  expect(await loadSamples(path, { header: true })).toEqual({ inputs })
  expect((await loadSamples(path)).inputs.shape).toEqual([3, 2])
})

test('gives rows the shape of the model', async () => {
  expect((await loadSamples(fileWith('1,2,3,4\n'), { featureShape: [1, 2, 2] })).inputs.shape).toEqual([1, 1, 2, 2])
})

test.each([
  ['a cell that is no number', '1,2\n3,abc\n', /samples\.csv: line 2, column 2 has "abc", not a number/],
  ['an empty cell', '1,2\n3,\n', /line 2, column 2 has ""/],
  ['NaN', '1,2\nnan,3\n', /line 2, column 1 has "nan"/],
  ['a number that float32 cannot hold', '1,2\n3,1e39\n', /line 2, column 2 has "1e39"/],
  ['a hexadecimal number', '1,2\n3,0x10\n', /has "0x10"/],
  ['semicolons', '1;2\n3;4\n', /has "3;4"/],
  ['a damaged first row', '1,x\n3,4\n', /line 1, column 2 has "x".* say \{ header: true \}/],
  ['rows of different lengths', '1,2\n3,4,5\n', /line 2/],
  ['a quote that is never closed', '1,2\n3,"4\n5,6\n', /not a CSV file, or a damaged one/],
  ['an empty file', '', /no rows of numbers/],
  ['a header without rows', 'a,b\n', /no rows of numbers/],
  ['labels alone', 'y\n1\n', /no columns besides the labels/],
  ['labels that number no class', 'a,y\n1,0.5\n', /line 2, column 2 \(y\) has 0.5, not a class number/],
])('refuses %s', async (_, text, message) => {
  await expectRefusal(fileWith(text), message)
})

test('refuses label columns that do not exist', async () => {
  await expectRefusal(fileWith('a,b\n1,2\n'), /no column named digit; there are a, b/, { labels: 'digit' })
  await expectRefusal(fileWith('1,2\n'), /no column named digit; the first row has no names/, { labels: 'digit' })
  for (const column of [2, -3, 0.5]) {
    await expect(loadSamples(fileWith('1,2\n'), { labels: column })).rejects.toThrow(SettingsError)
  }
})

test('refuses options of other formats, and files that do not exist', async () => {
  await expect(loadSamples(fileWith('1,2\n'), { color: 'rgb' })).rejects.toThrow(
    /a CSV file has no option "color"; it has labels, header, featureShape/,
  )
  await expectRefusal('nowhere.csv', /nowhere\.csv: cannot be read/)
})
