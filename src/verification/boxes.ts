/** A closed box of float32 numbers, one of each per feature; or several boxes, one after the other. */
export interface Box {
  readonly lower: Float32Array
  readonly upper: Float32Array
}

/** A float32 number between two others. */
export function between(low: number, high: number, share: number): number {
  return Math.min(Math.fround(low + share * (high - low)), high)
}

/** Boxes one after the other. */
export function joinBoxes(boxes: readonly Box[]): Box {
  const join = (end: keyof Box) => {
    const size = boxes[0][end].length
    const all = new Float32Array(boxes.length * size)
    boxes.forEach((box, index) => {
      all.set(box[end], index * size)
    })
    return all
  }
  return { lower: join('lower'), upper: join('upper') }
}

/**
 * Halves of a box along the feature on which linear functions of the input depend most: |coefficient| · width, summed over
 * the functions (Wang, Pei, Whitehouse, Yang and Jana, "Efficient formal safety analysis of neural networks", NeurIPS 2018,
 * with the coefficients of CROWN). Both have the middle, so that no number is lost. Empty where no feature has a number
 * between its ends.
 */
export function halve({ lower, upper }: Box, coefficients: readonly Float32Array[]): Box[] {
  const best = { feature: -1, influence: -1, width: 0 }
  lower.forEach((low, feature) => {
    const width = upper[feature] - low
    const middle = between(low, upper[feature], 0.5)
    if (!(middle > low && middle < upper[feature])) return
    const influence = width * coefficients.reduce((sum, row) => sum + Math.abs(row[feature]), 0)
    if (influence < best.influence || (influence === best.influence && width <= best.width)) return
    Object.assign(best, { feature, influence, width })
  })
  const { feature } = best
  if (feature < 0) return []
  const middle = between(lower[feature], upper[feature], 0.5)
  return [
    { lower, upper: replaced(upper, feature, middle) },
    { lower: replaced(lower, feature, middle), upper },
  ]
}

function replaced(numbers: Float32Array, position: number, number: number): Float32Array {
  const copy = numbers.slice()
  copy[position] = number
  return copy
}
