import type { CompiledGraph } from '../engine/compiled-graph.js'
import { floatTensor } from '../graph/builder.js'
import { elementCount } from '../graph/graph.js'
import type { Classifier } from '../model/classifier.js'
import { elementsPerSample, largestBatch } from '../model/predict-classes.js'
import { poolBeforeRelu } from '../passes/pool-before-relu.js'
import { batches, range, rowOf } from '../sampling/rows.js'
import { type Kink, kinksOf } from './kinks.js'
import { imagesGraph, type Listed, rowsGraph, valuesGraph } from './region-graph.js'

/** An inequality of a linear region: entry `plus` ≥ entry `minus`, where −1 stands for zero. */
export interface Face {
  readonly plus: number
  readonly minus: number
}

/** A question about the linear pieces of the model at a point, given as the model's input. */
export type Question =
  | { readonly about: 'values'; readonly point: Float32Array }
  | { readonly about: 'images'; readonly point: Float32Array; readonly tangent: Float32Array }
  | { readonly about: 'rows'; readonly point: Float32Array; readonly faces: readonly Face[] }

/**
 * The linear regions of a piecewise affine classifier. What decides about them, and the logits, is listed as *entries* one
 * after the other. The affine map of the region around a point is never formed: products with it are a jvp or a vjp with
 * the activation pattern of the point.
 */
export class LinearRegions {
  /** The number of the first logit among the entries. */
  readonly logits: number
  readonly classes: number
  /** How many entries there are. */
  readonly entries: number
  /** How many entries the first kink has: those that no other kink influences. */
  readonly firstSize: number
  readonly #model: Classifier
  readonly #listed: readonly Listed[]
  readonly #kinks: readonly { readonly kink: Kink; readonly first: number }[]

  /** @throws UnsupportedOperatorError when the model is not piecewise affine. */
  constructor(model: Classifier) {
    this.#model = model
    const graph = poolBeforeRelu(model.graph)
    const kinks = kinksOf(graph)
    const [{ name: output }] = graph.outputs
    const firsts = new Map<string, number>()
    const listed: Listed[] = []
    let count = 0
    for (const { value, size } of [...kinks, { value: output, size: model.classes }]) {
      if (firsts.has(value)) continue
      firsts.set(value, count)
      listed.push({ value, size })
      count += size
    }
    this.#listed = listed
    this.#kinks = kinks.map((kink) => ({ kink, first: firsts.get(kink.value)! }))
    this.logits = firsts.get(output)!
    this.classes = model.classes
    this.entries = count
    this.firstSize = listed[0].size
  }

  /** The faces of the region around a point with the given entries. */
  faces(entries: Float32Array): Face[] {
    const faces: Face[] = []
    for (const { kink, first } of this.#kinks) {
      if (kink.windows) {
        for (const window of kink.windows) {
          const largest = largestOf(window, entries, first)
          for (const entry of window) if (entry !== largest) faces.push({ plus: first + largest, minus: first + entry })
        }
      } else {
        for (let entry = first; entry < first + kink.size; entry++) {
          faces.push(entries[entry] > 0 ? { plus: entry, minus: -1 } : { plus: -1, minus: entry })
        }
      }
    }
    return faces
  }

  /** The same for points of one region, and different for others, but for collisions of 64 bits. */
  key(entries: Float32Array): string {
    const hash = [0x811c9dc5, 0x9e3779b9]
    const mix = (number: number) => {
      hash[0] = Math.imul(hash[0] ^ number, 0x01000193)
      hash[1] = Math.imul(hash[1] ^ number, 0x85ebca6b) ^ (hash[1] >>> 15)
    }
    for (const { kink, first } of this.#kinks) {
      if (kink.windows) for (const window of kink.windows) mix(largestOf(window, entries, first))
      else for (let entry = first; entry < first + kink.size; entry++) mix(Number(entries[entry] > 0))
    }
    return hash.join()
  }

  /** Answers questions in the order they come in: entries, their changes along the tangent, or rows one after the other. */
  async answer(questions: readonly Question[]): Promise<Float32Array[]> {
    const answers = new Array<Float32Array>(questions.length)
    for (const about of ['values', 'images', 'rows'] as const) {
      const asked = range(questions.length).filter((index) => questions[index].about === about)
      for (const part of this.#parts(questions, asked)) {
        const found = await this.#run(
          about,
          part.map((index) => questions[index]),
        )
        part.forEach((index, position) => {
          answers[index] = found[position]
        })
      }
    }
    return answers
  }

  #parts(questions: readonly Question[], asked: readonly number[]): (readonly number[])[] {
    const perRow = elementsPerSample(this.#model.graph)
    const isAlone = this.#model.description.batching === 'one at a time'
    const most = isAlone ? 0 : Math.max(1, Math.floor(mostElements / perRow))
    const parts: number[][] = []
    let rows = Number.POSITIVE_INFINITY
    for (const index of asked) {
      const question = questions[index]
      const own = question.about === 'rows' ? question.faces.length : 2
      if (rows + own > most) {
        parts.push([])
        rows = 0
      }
      parts.at(-1)!.push(index)
      rows += own
    }
    return parts.flatMap((part) => batches(part, largestBatch(this.#model, 2)))
  }

  async #run(about: Question['about'], questions: readonly Question[]): Promise<Float32Array[]> {
    const [{ name }] = this.#model.graph.inputs
    const sampleShape = this.#model.featureShape
    const size = elementCount(sampleShape)
    const stacked = (parts: readonly Float32Array[]) => {
      const data = new Float32Array(parts.length * size)
      parts.forEach((part, row) => data.set(part, row * size))
      return floatTensor(data, [parts.length, ...sampleShape])
    }
    const feeds = { [name]: stacked(questions.map(({ point }) => point)) }
    const graph = await this.#compiled(about)
    if (about === 'rows') {
      const faces = questions.map((question) => (question.about === 'rows' ? question.faces : []))
      const flat = faces.flat()
      const ints = (numbers: readonly number[]) => ({
        type: 'int32' as const,
        shape: [numbers.length],
        data: Int32Array.from(numbers),
      })
      const { rows } = await graph.run({
        ...feeds,
        sampleOfRow: ints(faces.flatMap((own, sample) => own.map(() => sample))),
        plus: ints(flat.map(({ plus }) => plus)),
        minus: ints(flat.map(({ minus }) => minus)),
      })
      const data = rows.data as Float32Array
      let first = 0
      return faces.map((own) => {
        first += own.length
        return data.subarray((first - own.length) * size, first * size)
      })
    }
    if (about === 'images') {
      const tangents = stacked(questions.flatMap((question) => (question.about === 'images' ? [question.tangent] : [])))
      const { images } = await graph.run({ ...feeds, tangents })
      return range(questions.length).map((row) => rowOf(images.data as Float32Array, this.entries, row))
    }
    const { values } = await graph.run(feeds)
    return range(questions.length).map((row) => rowOf(values.data as Float32Array, this.entries, row))
  }

  #compiled(about: Question['about']): Promise<CompiledGraph> {
    const make = { values: valuesGraph, images: imagesGraph, rows: rowsGraph }[about]
    return this.#model.compile(`region ${about}`, () => make(poolBeforeRelu(this.#model.graph), this.#listed))
  }
}

// Numbers that a run may hold.
const mostElements = 2 ** 24

/** The first of the largest, as in the derivative of pools. */
function largestOf(window: readonly number[], entries: Float32Array, first: number): number {
  let largest = window[0]
  for (const entry of window) if (entries[first + entry] > entries[first + largest]) largest = entry
  return largest
}
