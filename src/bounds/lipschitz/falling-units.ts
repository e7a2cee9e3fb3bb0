import { elementCount, featureShape, type GraphNode } from '../../graph/graph.js'
import type { Classifier } from '../../model/classifier.js'
import { range } from '../../sampling/rows.js'
import { coefficientGraph } from './coefficients.js'
import type { PairNorms } from './pair-norms.js'
import { spectralNorms } from './spectral-norm.js'

/** Of one pair of classes. */
export interface UnitWeights {
  /** 1/√τ of each unit of the last hidden layer, 0 of those that add to the margin as they grow. */
  readonly inverseRoots: Float64Array
  /** ‖T^½·W‖ over the other units, whose largest τ is 1. */
  readonly norm: number
}

/** Larger matrices take too long for each pair of classes. */
const mostElements = 2 ** 20

const rounds = 24
const steps = 2

/**
 * The last hidden layer, where that is Relus behind one matrix W: in ℓ2, which of the units can take from a margin as they
 * grow, and weights τ of those such that c²/τ and ‖T^½·W‖ are small together, c being their coefficients.
 */
export class FallingUnits {
  /** The output of the Relus. */
  readonly output: string
  /** What goes into the Relus, and what that is linear in. */
  readonly value: string
  readonly source: string
  readonly #model: Classifier
  readonly #pairNorms: PairNorms
  readonly #matrix: Float64Array
  readonly #units: number
  readonly #known = new Map<string, Promise<UnitWeights>>()

  private constructor(model: Classifier, pairNorms: PairNorms, relu: GraphNode, source: string, matrix: Float64Array) {
    this.#model = model
    this.#pairNorms = pairNorms
    this.output = relu.outputs[0]
    this.value = relu.inputs[0]
    this.source = source
    this.#matrix = matrix
    this.#units = widthOf(this.value, model)
  }

  static async of(
    model: Classifier,
    frontier: readonly string[],
    pairNorms: PairNorms,
  ): Promise<FallingUnits | undefined> {
    const { graph } = model
    const producer = (value: string) => graph.nodes.find(({ outputs }) => outputs.includes(value))
    const relu = frontier.length === 1 ? producer(frontier[0]) : undefined
    if (relu?.operator !== 'Relu') return undefined
    const product = producer(relu.inputs[0])
    if (product?.operator !== 'Gemm' && product?.operator !== 'MatMul') return undefined
    const source = product.inputs.filter((input) => !graph.constants.has(input))
    if (source.length !== 1 || !featureShape(graph.values.get(source[0])!.shape)) return undefined
    const [value] = relu.inputs
    const units = widthOf(value, model)
    if (units * widthOf(source[0], model) > mostElements) return undefined
    const compiled = await model.compile(`matrix of ${value}`, () => coefficientGraph(graph, value, source, false))
    const shape = [units, ...featureShape(graph.values.get(value)!.shape)!]
    const data = Float64Array.from({ length: units * units }, (_, at) => (at % (units + 1) === 0 ? 1 : 0))
    const results = await compiled.run({ seeds: { type: 'float64', shape, data } })
    return new FallingUnits(model, pairNorms, relu, source[0], results[source[0]].data as Float64Array)
  }

  get(label: number, other: number): Promise<UnitWeights> {
    const key = `${label} ${other}`
    const found = this.#known.get(key) ?? this.#find(label, other)
    this.#known.set(key, found)
    return found
  }

  async #find(label: number, other: number): Promise<UnitWeights> {
    const [coefficients] = this.#pairNorms.differences(label, other)
    const units = range(this.#units).filter((unit) => coefficients[unit] < 0)
    const columns = this.#matrix.length / this.#units
    const rows = new Float64Array(units.length * columns)
    units.forEach((unit, at) => rows.set(this.#matrix.subarray(unit * columns, (unit + 1) * columns), at * columns))
    const sizes = Float64Array.from(units, (unit) => -coefficients[unit])
    const weights = weightsFor(rows, sizes)
    const data = rows.map((element, index) => element * Math.sqrt(weights[Math.floor(index / columns)]))
    const norm =
      units.length === 0 ? 0 : (await spectralNorms(this.#model, { count: 1, rows: units.length, columns, data }))[0]
    const inverseRoots = new Float64Array(this.#units)
    units.forEach((unit, at) => {
      inverseRoots[unit] = 1 / Math.sqrt(weights[at])
    })
    // Weights, products and roots are rounded in float64.
    return { inverseRoots, norm: norm * (1 + 2 ** -30) }
  }
}

function widthOf(value: string, { graph }: Classifier): number {
  return elementCount(featureShape(graph.values.get(value)!.shape) ?? [])
}

/**
 * For a direction in which the matrix is large, the best τ are proportional to the coefficients over what the units move
 * there; the squares of that are averaged over all directions so far (Frank and Wolfe's method, with power iteration).
 */
function weightsFor(rows: Float64Array, sizes: Float64Array): Float64Array {
  const count = sizes.length
  const columns = rows.length / Math.max(1, count)
  const energies = new Float64Array(count)
  let weights: Float64Array = new Float64Array(count).fill(1)
  let point = new Float64Array(columns)
  sizes.forEach((size, unit) => {
    for (let column = 0; column < columns; column++) point[column] += size * rows[unit * columns + column]
  })
  for (let round = 0; round < rounds; round++) {
    let moved = product(rows, point, count)
    for (let step = 0; step < steps; step++) {
      const next = new Float64Array(columns)
      for (let unit = 0; unit < count; unit++) {
        const factor = weights[unit] * moved[unit]
        for (let column = 0; column < columns; column++) next[column] += factor * rows[unit * columns + column]
      }
      const length = Math.sqrt(next.reduce((sum, value) => sum + value * value, 0))
      point = length > 0 ? next.map((value) => value / length) : next
      moved = product(rows, point, count)
    }
    const share = 2 / (round + 2)
    energies.forEach((energy, unit) => {
      energies[unit] = (1 - share) * energy + share * moved[unit] ** 2
    })
    weights = weightsOf(energies, sizes)
  }
  return weights
}

function product(rows: Float64Array, point: Float64Array, count: number): Float64Array {
  const result = new Float64Array(count)
  for (let unit = 0; unit < count; unit++) {
    let sum = 0
    for (let column = 0; column < point.length; column++) sum += rows[unit * point.length + column] * point[column]
    result[unit] = sum
  }
  return result
}

/** At most 1, and not much less than that where a unit hardly moves. */
function weightsOf(energies: Float64Array, sizes: Float64Array): Float64Array {
  const roots = energies.map(Math.sqrt)
  const floor = (1e-3 * roots.reduce((sum, root) => sum + root, 0)) / Math.max(1, roots.length) + 1e-200
  const weights = sizes.map((size, unit) => size / (roots[unit] + floor))
  const largest = weights.reduce((most, weight) => Math.max(most, weight), 1e-200)
  return weights.map((weight) => Math.max(weight / largest, 1e-6))
}
