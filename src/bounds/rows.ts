import type { ElementType, Tensor, TensorData } from '../graph/graph.js'
import { groupNames, sampleOfRow } from '../passes/row-loop.js'
import { batches, range } from '../sampling/rows.js'
import type { RowLimits } from './stage.js'

/** Linear functions of a value, one per row: x[plus] − x[minus] of a sample, −1 meaning neither. */
export interface Rows {
  readonly sample: readonly number[]
  readonly plus: readonly number[]
  readonly minus: readonly number[]
}

/** f_label − f_j for every sample and every other class j. */
export function marginRows(labels: ArrayLike<number>, classes: number): Rows {
  const rows = { sample: [] as number[], plus: [] as number[], minus: [] as number[] }
  for (let sample = 0; sample < labels.length; sample++) {
    for (let other = 0; other < classes; other++) {
      if (other === labels[sample]) continue
      rows.sample.push(sample)
      rows.plus.push(labels[sample])
      rows.minus.push(other)
    }
  }
  return rows
}

/** Bounds of {@link marginRows} as margins [n, classes]: 0 in the column of the label, −∞ where nothing is known. */
export function marginsOf(rows: Rows, bounds: ArrayLike<number>, count: number, classes: number): Float64Array {
  const margins = new Float64Array(count * classes)
  rows.sample.forEach((sample, row) => {
    margins[sample * classes + rows.minus[row]] = Number.isFinite(bounds[row]) ? bounds[row] : Number.NEGATIVE_INFINITY
  })
  return margins
}

/** The same rows with pairs of sample and position as samples, and channels as positions: those of a crop. */
export function croppedRows({ sample, plus, minus }: Rows, positions: number): Rows {
  return {
    sample: sample.map((of, row) => of * positions + (Math.max(plus[row], minus[row]) % positions)),
    plus: plus.map((index) => Math.floor(index / positions)),
    minus: minus.map((index) => Math.floor(index / positions)),
  }
}

/** The rows from `start` on, at most `most` of them, as graph inputs. */
export function rowFeeds({ sample, plus, minus }: Rows, start: number, most: number): Record<string, Tensor> {
  const part = (values: readonly number[]): Tensor => {
    const data = Int32Array.from(values.slice(start, start + most))
    return { type: 'int32', shape: [data.length], data }
  }
  return { sampleOfRow: part(sample), plus: part(plus), minus: part(minus) }
}

/** Rows for one run of a graph that loops over groups of them. */
export interface RowGroups {
  readonly feeds: Readonly<Record<string, Tensor>>
  /** The row in each place of [groups, rows], −1 where there is none. */
  readonly rowAt: Int32Array
}

/** Rows in groups of at most `inGroup`, with `oneSample` of one sample each; about `inRun` of them in a run. */
export function groupRows(
  { sample, plus, minus }: Rows,
  { inGroup, inRun }: RowLimits,
  oneSample: boolean,
): RowGroups[] {
  const all = range(sample.length)
  const apart = oneSample ? rowsBySample(sample) : [all]
  const groups = apart.flatMap((rows) => batches(rows, Math.ceil(rows.length / Math.ceil(rows.length / inGroup))))
  return batches(groups, Math.max(1, Math.floor(inRun / inGroup))).map((part) => {
    const width = Math.max(...part.map(({ length }) => length))
    const rowAt = new Int32Array(part.length * width).fill(-1)
    part.forEach((rows, group) => {
      rowAt.set(rows, group * width)
    })
    const perGroup = (type: ElementType, shape: readonly number[], data: TensorData): Tensor => {
      return { type, shape: [part.length, ...shape], data }
    }
    const placed = (values: readonly number[]) =>
      perGroup(
        'int32',
        [width],
        rowAt.map((row) => values[row] ?? 0),
      )
    const slots = BigInt64Array.from(rowAt, (_, place) => {
      return BigInt(Math.min(place % width, part[Math.floor(place / width)].length - 1))
    })
    const samples = oneSample
      ? {
          [groupNames.sample]: perGroup(
            'int32',
            [],
            Int32Array.from(part, ([row]) => sample[row]),
          ),
        }
      : { [sampleOfRow]: placed(sample) }
    return {
      rowAt,
      feeds: {
        ...samples,
        plus: placed(plus),
        minus: placed(minus),
        [groupNames.count]: perGroup(
          'int64',
          [1],
          BigInt64Array.from(part, ({ length }) => BigInt(length)),
        ),
        [groupNames.slots]: perGroup('int64', [width], slots),
      },
    }
  })
}

function rowsBySample(sample: readonly number[]): number[][] {
  const rows = new Map<number, number[]>()
  sample.forEach((of, row) => {
    const known = rows.get(of)
    if (known) known.push(row)
    else rows.set(of, [row])
  })
  return [...rows.values()]
}
