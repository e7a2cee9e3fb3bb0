import { dot } from './dot.js'
import { solveInPlace } from './linear-system.js'

/**
 * The limited-memory BFGS matrix B = θI − W M Wᵀ of the last few steps s and changes y of the gradient, in the compact
 * form of Byrd, Lu, Nocedal, Zhu (1995), section 3: W = [Y θS], M⁻¹ = [−D Lᵀ; L θSᵀS].
 */
export class LimitedMemory {
  /** The curvature along every direction that W does not know. */
  theta = 1
  readonly #corrections: number
  #steps: Float64Array[] = []
  #changes: Float64Array[] = []
  /** M, row-major. */
  #middle = new Float64Array(0)

  constructor(corrections: number) {
    this.#corrections = corrections
  }

  /** Columns of W. */
  get size(): number {
    return 2 * this.#steps.length
  }

  clear(): void {
    this.#steps = []
    this.#changes = []
    this.theta = 1
  }

  /** Learns from one step. A step along which the gradient does not grow tells nothing that keeps B positive definite. */
  learn(step: Float64Array, change: Float64Array): void {
    const curvature = dot(step, change)
    const square = dot(change, change)
    if (!(curvature > 2e-16 * square)) return
    this.#steps = [...this.#steps, step].slice(-this.#corrections)
    this.#changes = [...this.#changes, change].slice(-this.#corrections)
    this.theta = square / curvature
    if (!this.#invertMiddle()) this.clear()
  }

  /** Row `index` of W. */
  row(index: number, into: Float64Array): Float64Array {
    const pairs = this.#steps.length
    for (let pair = 0; pair < pairs; pair++) {
      into[pair] = this.#changes[pair][index]
      into[pairs + pair] = this.theta * this.#steps[pair][index]
    }
    return into
  }

  /** Wᵀ v */
  project(vector: Float64Array): Float64Array {
    return Float64Array.from([
      ...this.#changes.map((change) => dot(change, vector)),
      ...this.#steps.map((step) => this.theta * dot(step, vector)),
    ])
  }

  /** M v */
  applyMiddle(vector: Float64Array): Float64Array {
    const { size } = this
    const result = new Float64Array(size)
    for (let row = 0; row < size; row++) {
      for (let column = 0; column < size; column++) result[row] += this.#middle[row * size + column] * vector[column]
    }
    return result
  }

  #invertMiddle(): boolean {
    const { size } = this
    const pairs = size / 2
    const inverse = new Float64Array(size * size)
    for (let i = 0; i < pairs; i++) {
      inverse[i * size + i] = -dot(this.#steps[i], this.#changes[i])
      for (let j = 0; j < pairs; j++) {
        inverse[(pairs + i) * size + pairs + j] = this.theta * dot(this.#steps[i], this.#steps[j])
        if (i <= j) continue
        const lower = dot(this.#steps[i], this.#changes[j])
        inverse[(pairs + i) * size + j] = lower
        inverse[j * size + pairs + i] = lower
      }
    }
    this.#middle = new Float64Array(size * size)
    for (let i = 0; i < size; i++) this.#middle[i * size + i] = 1
    return solveInPlace(inverse, this.#middle, size, size)
  }
}
