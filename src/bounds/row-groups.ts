import type { Tensor } from '../graph/graph.js'
import { groupNames, sampleOfRow, samplesInOrder } from '../passes/row-loop.js'
import type { Rows } from './rows.js'
import type { RowLimits } from './stage.js'

/** Rows for one run of a graph that loops over groups of them. */
export interface RowGroups {
  readonly feeds: Readonly<Record<string, Tensor>>
  /** The row in each place of [groups, rows], −1 where there is none. */
  readonly rowAt: Int32Array
}

/** Rows of one sample that stand together: so many entries of an order of all rows. */
interface Block {
  readonly start: number
  readonly length: number
  /** How many places they need at least, so that what a row gives does not depend on the rows of others. */
  readonly places: number
}

/** Blocks of rows, the longest first: each takes as many places as that one needs. */
type Group = readonly Block[]

/** What onnxruntime does to rows of a product with one column depends on how many there are where fewer than this are left. */
const multiple = 4

/** Rows in groups of at most `inGroup`, equally many of each sample in a group; about `inRun` of them in a run. */
export function groupRows(rows: Rows, { widest, inGroup, inRun }: RowLimits): RowGroups[] {
  const { order, lengths } = orderBySample(rows.sample)
  const groups = alike(blocksOf(lengths, inGroup, rows.isUniform ? 1 : multiple), inGroup, coefficientsOfTurn / widest)
  const inTurn = Math.max(1, Math.floor(inRun / inGroup))
  const runs: RowGroups[] = []
  for (let start = 0; start < groups.length; start += inTurn) {
    runs.push(placed(groups.slice(start, start + inTurn), order, rows))
  }
  return runs
}

function placed(groups: readonly Group[], order: Int32Array, { sample, plus, minus }: Rows): RowGroups {
  const counts = groups.map((group) => group.length * group[0].places)
  const [most, width] = [Math.max(...groups.map(({ length }) => length)), Math.max(...counts)]
  const total = groups.length * width
  const rowAt = new Int32Array(total).fill(-1)
  const [samples, slots] = [new Int32Array(groups.length * most), new Int32Array(total)]
  const [sampleAt, plusAt, minusAt] = [new Int32Array(total), new Int32Array(total), new Int32Array(total)]
  groups.forEach((group, index) => {
    const [first, { places }] = [index * width, group[0]]
    group.forEach(({ start, length }, block) => {
      const place = first + block * places
      const of = sample[order[start]]
      samples[index * most + block] = of
      sampleAt.fill(of, place, place + length)
      for (let offset = 0; offset < length; offset++) {
        const row = order[start + offset]
        rowAt[place + offset] = row
        plusAt[place + offset] = plus[row]
        minusAt[place + offset] = minus[row]
      }
    })
    samples.fill(samples[index * most], index * most + group.length, (index + 1) * most)
    const used = counts[index]
    for (let place = 0; place < used; place++) slots[first + place] = place
    slots.fill(used - 1, first + used, first + width)
  })
  const perGroup = (data: Int32Array): Tensor => ({
    type: 'int32',
    shape: [groups.length, data.length / groups.length],
    data,
  })
  const counted = (values: readonly number[]): Tensor => ({
    type: 'int64',
    shape: [groups.length, 1],
    data: BigInt64Array.from(values, BigInt),
  })
  const feeds = {
    plus: perGroup(plusAt),
    minus: perGroup(minusAt),
    [sampleOfRow]: perGroup(sampleAt),
    [samplesInOrder]: perGroup(samples),
    [groupNames.rows]: counted(counts),
    [groupNames.samples]: counted(groups.map(({ length }) => length)),
    [groupNames.slots]: perGroup(slots),
  }
  return { rowAt, feeds }
}

/** The rows, those of a sample together and in their order; and how many each sample has. */
function orderBySample(sample: Int32Array): { order: Int32Array; lengths: Int32Array } {
  let last = -1
  for (let row = 0; row < sample.length; row++) if (sample[row] > last) last = sample[row]
  const lengths = new Int32Array(last + 1)
  for (let row = 0; row < sample.length; row++) lengths[sample[row]]++
  const next = new Int32Array(last + 1)
  for (let of = 0; of < last; of++) next[of + 1] = next[of] + lengths[of]
  const order = new Int32Array(sample.length)
  for (let row = 0; row < sample.length; row++) order[next[sample[row]]++] = row
  return { order, lengths }
}

/** Blocks of at most `most` rows, those of a sample all about as long. */
function blocksOf(lengths: Int32Array, most: number, multiple: number): Block[] {
  const blocks: Block[] = []
  let start = 0
  for (const length of lengths) {
    const end = start + length
    const size = Math.ceil(length / Math.ceil(length / most))
    while (start < end) {
      const blockLength = Math.min(size, end - start)
      blocks.push({ start, length: blockLength, places: Math.ceil(blockLength / multiple) * multiple })
      start += size
    }
    start = end
  }
  return blocks
}

/** A turn takes as long as this many coefficients do, besides those that it has. */
const coefficientsOfTurn = 2 ** 14
/** Part of the rows of a group that may be longer than they need be. */
const mostIdle = 0.1

/** Blocks of about the same length in groups of about `most` rows, where `worthwhile` idle ones take less time than another turn. */
function alike(blocks: readonly Block[], most: number, worthwhile: number): Group[] {
  const groups: Block[][] = []
  let idle = 0
  for (const block of blocks.toSorted((left, right) => right.length - left.length)) {
    const group = groups.at(-1)
    const rows = group ? (group.length + 1) * group[0].places : 0
    idle += group ? group[0].places - block.places : 0
    if (group && rows <= most && idle <= Math.max(worthwhile, mostIdle * rows)) group.push(block)
    else {
      groups.push([block])
      idle = 0
    }
  }
  return groups
}
