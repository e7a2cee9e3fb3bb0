import type { ElementType, Tensor } from '../graph/graph.js'
import { groupNames, sampleOfRow, samplesInOrder } from '../passes/row-loop.js'
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

/** Rows in groups of at most `inGroup`, equally many of each sample in a group; about `inRun` of them in a run. */
export function groupRows({ sample, plus, minus }: Rows, { inGroup, inRun }: RowLimits): RowGroups[] {
  const blocks = rowsBySample(sample).flatMap((rows) => evenly(rows, inGroup))
  return batches(alike(blocks, inGroup), Math.max(1, Math.floor(inRun / inGroup))).map((part) => {
    const counts = part.map((group) => group.length * group[0].length)
    const [most, width] = [Math.max(...part.map(({ length }) => length)), Math.max(...counts)]
    const rowAt = new Int32Array(part.length * width).fill(-1)
    part.forEach((group, index) => {
      group.forEach((rows, block) => {
        rowAt.set(rows, index * width + block * group[0].length)
      })
    })
    const perGroup = <Data extends Int32Array | BigInt64Array>(type: ElementType, data: Data): Tensor => {
      return { type, shape: [part.length, data.length / part.length], data }
    }
    const placed = (values: readonly number[]) =>
      perGroup(
        'int32',
        rowAt.map((row) => values[row] ?? 0),
      )
    const counted = (values: readonly number[]) => perGroup('int64', BigInt64Array.from(values, BigInt))
    const slots = rowAt.map((_, place) => Math.min(place % width, counts[Math.floor(place / width)] - 1))
    const samples = part.flatMap((group) => range(most).map((block) => sample[(group[block] ?? group[0])[0]]))
    const feeds = {
      plus: placed(plus),
      minus: placed(minus),
      [sampleOfRow]: placed(sample),
      [samplesInOrder]: perGroup('int32', Int32Array.from(samples)),
      [groupNames.rows]: counted(counts),
      [groupNames.samples]: counted(part.map(({ length }) => length)),
      [groupNames.slots]: perGroup('int32', slots),
    }
    return { rowAt, feeds }
  })
}

/** Parts of at most `most`, all about as long. */
function evenly<Item>(items: readonly Item[], most: number): (readonly Item[])[] {
  return batches(items, Math.ceil(items.length / Math.ceil(items.length / most)))
}

/** Rows that may stand in for none in a group, where blocks are not all as long as the longest one. */
const mostIdle = { rows: 16, part: 0.1 }

/** Blocks of about the same length in groups of at most `most` rows, counting all blocks as long as the first one, the longest. */
function alike(blocks: readonly (readonly number[])[], most: number): (readonly number[])[][] {
  const groups: (readonly number[])[][] = []
  let idle = 0
  for (const block of blocks.toSorted((left, right) => right.length - left.length)) {
    const group = groups.at(-1)
    const rows = group ? (group.length + 1) * group[0].length : 0
    idle += group ? group[0].length - block.length : 0
    if (group && rows <= most && idle <= Math.max(mostIdle.rows, mostIdle.part * rows)) group.push(block)
    else {
      groups.push([block])
      idle = 0
    }
  }
  return groups
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
