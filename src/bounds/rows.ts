import type { Tensor } from '../graph/graph.js'

/** Linear functions of a value, one per row: x[plus] − x[minus] of a sample, −1 meaning neither. */
export interface Rows {
  readonly sample: Int32Array
  readonly plus: Int32Array
  readonly minus: Int32Array
  /** Whether every sample has the same rows in the same order, whatever is known of it. */
  readonly isUniform?: boolean
}

/** f_label − f_j for every sample and every other class j. */
export function marginRows(labels: ArrayLike<number>, classes: number): Rows {
  const rows = emptyRows(labels.length * (classes - 1))
  let row = 0
  for (let sample = 0; sample < labels.length; sample++) {
    for (let other = 0; other < classes; other++) {
      if (other === labels[sample]) continue
      rows.sample[row] = sample
      rows.plus[row] = labels[sample]
      rows.minus[row] = other
      row++
    }
  }
  return { ...rows, isUniform: true }
}

/** Elements of a value with `width` of them per sample, counted over all samples: first those to bound from below, then those from above. */
export function sidesOf(below: ArrayLike<number>, above: ArrayLike<number>, width: number): Rows {
  const rows = emptyRows(below.length + above.length)
  const { sample, plus, minus } = rows
  const place = (elements: ArrayLike<number>, first: number, positions: Int32Array, others: Int32Array) => {
    for (let index = 0; index < elements.length; index++) {
      const of = Math.floor(elements[index] / width)
      sample[first + index] = of
      positions[first + index] = elements[index] - of * width
    }
    others.fill(-1, first, first + elements.length)
  }
  place(below, 0, plus, minus)
  place(above, below.length, minus, plus)
  return rows
}

function emptyRows(count: number): Rows {
  return { sample: new Int32Array(count), plus: new Int32Array(count), minus: new Int32Array(count) }
}

/** Bounds of {@link marginRows} as margins [n, classes]: 0 in the column of the label, −∞ where nothing is known. */
export function marginsOf(rows: Rows, bounds: ArrayLike<number>, count: number, classes: number): Float64Array {
  const margins = new Float64Array(count * classes)
  rows.sample.forEach((sample, row) => {
    margins[sample * classes + rows.minus[row]] = Number.isFinite(bounds[row]) ? bounds[row] : Number.NEGATIVE_INFINITY
  })
  return margins
}

/** Some of the rows, and the samples that they are of among those at hand. */
export function chosenRows(
  { plus, minus }: Rows,
  chosen: readonly { readonly row: number; readonly sample: number }[],
): Rows {
  return {
    sample: Int32Array.from(chosen, ({ sample }) => sample),
    plus: Int32Array.from(chosen, ({ row }) => plus[row]),
    minus: Int32Array.from(chosen, ({ row }) => minus[row]),
  }
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
  const part = (values: Int32Array): Tensor => {
    const data = values.slice(start, start + most)
    return { type: 'int32', shape: [data.length], data }
  }
  return { sampleOfRow: part(sample), plus: part(plus), minus: part(minus) }
}
