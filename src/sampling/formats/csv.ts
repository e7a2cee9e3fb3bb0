import { createReadStream } from 'node:fs'
import { extname } from 'node:path'
import { CsvError, parse } from 'csv-parse'
import { SampleError, SettingsError } from '../../errors.js'
import type { Samples } from '../samples.js'
import { type LoadSamplesOptions, messageOf, type SampleFormat, toLabels } from './format.js'

/** One sample per row, one number per column; columns are separated by commas, in a `.tsv` file by tabs. */
export const csv: SampleFormat = {
  name: 'a CSV file',
  options: ['labels', 'header'],
  read: async (path, options) => {
    const table = new Table(path, options)
    // Row by row: the text of a large file is never in memory as a whole.
    const parser = parse({
      bom: true,
      delimiter: extname(path).toLowerCase() === '.tsv' ? '\t' : ',',
      info: true,
      skip_empty_lines: true,
      trim: true,
      // A quote that is never closed would swallow the rest of the file.
      max_record_size: 64_000_000,
    })
    const source = createReadStream(path)
    const rows = source.on('error', (error) => parser.destroy(error)).pipe(parser) as AsyncIterable<Row>
    try {
      for await (const { record, info } of rows) table.add(record, info.lines)
    } catch (cause) {
      if (cause instanceof SampleError || cause instanceof SettingsError) throw cause
      if (cause instanceof CsvError) {
        throw new SampleError(`${path}: not a CSV file, or a damaged one: ${cause.message}`, { cause })
      }
      throw new SampleError(`${path}: cannot be read: ${messageOf(cause)}`, { cause })
    } finally {
      source.destroy()
    }
    return table.samples()
  },
}

interface Row {
  readonly record: readonly string[]
  readonly info: { readonly lines: number }
}

const usualNames = ['label', 'labels', 'y', 'class']
const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

/** Collects the numbers of the rows. */
class Table {
  readonly #rows: Float32Array[] = []
  readonly #labels: number[] = []
  #names: readonly string[] | undefined
  #labelColumn: number | undefined

  constructor(
    private readonly path: string,
    private readonly options: LoadSamplesOptions,
  ) {}

  add(cells: readonly string[], line: number): void {
    if (this.#names === undefined) {
      const isHeader = this.options.header ?? !cells.some((cell) => decimal.test(cell))
      this.#names = isHeader ? cells : []
      this.#labelColumn = this.#findLabels(this.#names, cells.length)
      if (isHeader) return
    }
    const row = new Float32Array(cells.length - (this.#labelColumn === undefined ? 0 : 1))
    let feature = 0
    cells.forEach((cell, column) => {
      const value = this.#number(cell, column, line)
      if (column !== this.#labelColumn) row[feature++] = value
      else this.#labels.push(toLabels(this.#where(column, line), [value])[0])
    })
    this.#rows.push(row)
  }

  samples(): Samples {
    if (this.#rows.length === 0) throw new SampleError(`${this.path}: no rows of numbers`)
    const [{ length: features }] = this.#rows
    if (features === 0) throw new SampleError(`${this.path}: no columns besides the labels`)
    const data = new Float32Array(this.#rows.length * features)
    this.#rows.forEach((row, index) => data.set(row, index * features))
    const inputs = { data, shape: [this.#rows.length, features] }
    return this.#labelColumn === undefined ? { inputs } : { inputs, labels: Int32Array.from(this.#labels) }
  }

  #number(cell: string, column: number, line: number): number {
    const value = decimal.test(cell) ? Number(cell) : Number.NaN
    if (Number.isFinite(Math.fround(value))) return value
    const hint =
      this.#rows.length === 0 && this.options.header === undefined
        ? ' If the first row names the columns, say { header: true }.'
        : ''
    throw new SampleError(
      `${this.#where(column, line)} has ${JSON.stringify(cell.slice(0, 40))}, not a number that float32 can hold.${hint}`,
    )
  }

  #where(column: number, line: number): string {
    const name = this.#names?.[column]
    return `${this.path}: line ${line}, column ${column + 1}${name ? ` (${name})` : ''}`
  }

  #findLabels(names: readonly string[], columns: number): number | undefined {
    const { labels } = this.options
    if (typeof labels === 'number') {
      const column = labels < 0 ? columns + labels : labels
      if (Number.isInteger(column) && column >= 0 && column < columns) return column
      throw new SettingsError(
        `${this.path} has ${columns} columns: numbered from 0, or backwards from −1. The option labels is ${labels}.`,
      )
    }
    const wanted = labels === undefined ? usualNames : [labels]
    const column = names.findIndex((name) => wanted.includes(labels === undefined ? name.toLowerCase() : name))
    if (column >= 0) return column
    if (labels === undefined) return undefined
    throw new SampleError(
      `${this.path}: no column named ${labels}; ${names.length === 0 ? 'the first row has no names, so give its number' : `there are ${names.slice(0, 20).join(', ')}`}`,
    )
  }
}
