import type { ValueBounds } from '../bounds/balls.js'
import type { Refinement } from '../bounds/refinement.js'
import { marginRows, type Rows, rowFeeds, sidesOf } from '../bounds/rows.js'
import { rowsPerRun, stageOf } from '../bounds/stage.js'
import { floatTensor } from '../graph/builder.js'
import { featureShape, type Tensor } from '../graph/graph.js'
import type { Classifier } from '../model/classifier.js'
import { betweenUnitsGraph, onName, overName } from '../passes/between-units.js'
import { batches, range } from '../sampling/rows.js'
import { unitInputs, unitNodes } from './unit-parts.js'

/** An affine function of a displacement d of the sample and of max(p, 0) of the open units. */
export interface BetweenUnits {
  readonly coefficients: Float64Array
  readonly over: Float64Array
  readonly constant: number
}

/** A unit whose input, p, may be on either side of zero in a ball. */
export interface OpenUnit {
  /** p, of the units before it. */
  readonly input: BetweenUnits
  readonly lower: number
  readonly upper: number
}

/** What the model is in a ball of one sample. */
export interface OpenUnits {
  /** In the order of the model. */
  readonly units: readonly OpenUnit[]
  /** Margins over all other classes, in their order. */
  readonly margins: readonly BetweenUnits[]
}

interface Position {
  readonly value: string
  readonly unit: number
}

/** What a model of units is in a ball where all of its units are bounded: affine but for the units that are open. */
export async function openUnitsOf(
  model: Classifier,
  bounds: Refinement['bounds'],
  sample: Float64Array,
  label: number,
): Promise<OpenUnits> {
  const { graph, featureShape: features } = model
  const values = [...unitInputs(graph).keys()]
  const isOn = values.map((value) => {
    const { lower } = bounds.get(value)!
    const data = Float64Array.from(lower, (low) => Number(low >= 0))
    return [onName(value), floatTensor(data, [1, ...featureShape(graph.values.get(value)!.shape)!])]
  })
  const feeds = { [graph.inputs[0].name]: floatTensor(sample, [1, ...features]), ...Object.fromEntries(isOn) }
  const open = values.flatMap((value) => openOf(bounds.get(value)!).map((unit) => ({ value, unit })))
  const units: OpenUnit[] = []
  for (const value of values) {
    const { lower, upper } = bounds.get(value)!
    const own = openOf({ lower, upper })
    const inputs = await functionsOf(model, value, sidesOf(own, [], lower.length), open, feeds)
    own.forEach((unit, index) => {
      units.push({ input: inputs[index], lower: lower[unit], upper: upper[unit] })
    })
  }
  const rows = marginRows([label], model.classes)
  return { units, margins: await functionsOf(model, graph.outputs[0].name, rows, open, feeds) }
}

/** The units with inputs on either side of zero. */
export function openOf({ lower, upper }: ValueBounds): number[] {
  return range(lower.length).filter((unit) => lower[unit] < 0 && upper[unit] > 0)
}

async function functionsOf(
  model: Classifier,
  target: string,
  rows: Rows,
  open: readonly Position[],
  feeds: Readonly<Record<string, Tensor>>,
): Promise<BetweenUnits[]> {
  const { graph } = model
  const stage = await stageOf(model, `between units and ${target}`, () =>
    betweenUnitsGraph(graph, target, unitNodes(graph)),
  )
  const most = rowsPerRun(graph)
  const found: BetweenUnits[] = []
  for (const group of batches(range(rows.plus.length), most)) {
    const results = await stage.run({ ...feeds, ...rowFeeds(rows, group[0], most) })
    const dataOf = (name: string) => results[name]?.data as Float64Array | undefined
    const at = (position: number) => (position < 0 ? 0 : dataOf('value')![position])
    const rowOf = (all: Float64Array, row: number) => {
      const size = all.length / group.length
      return all.subarray(row * size, (row + 1) * size)
    }
    group.forEach((place, row) => {
      found.push({
        coefficients: rowOf(dataOf('coefficients')!, row).slice(),
        // What comes after the target has no influence on it.
        over: Float64Array.from(open, ({ value, unit }) => {
          const all = dataOf(overName(value))
          return all ? rowOf(all, row)[unit] : 0
        }),
        constant: at(rows.plus[place]) - at(rows.minus[place]),
      })
    })
  }
  return found
}
