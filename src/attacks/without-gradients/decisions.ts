import { largestBatch, predictClasses } from '../../model/predict-classes.js'
import { batches, range, rowOf, takeSamples } from '../../sampling/rows.js'
import type { AttackContext } from '../attack.js'

/**
 * All that a decision-based attack learns from the model: whether a point is adversarial. Counts what it asks. What
 * neither the sample's queries nor the budget allow is not asked, and the answer is no.
 */
export class Decisions {
  /** Forward passes spent on each sample. */
  readonly forwardQueries: Int32Array
  /** Whether the budget has ended. */
  interrupted = false
  readonly #context: AttackContext
  readonly #most: number

  /** @param most Most forward passes per sample. */
  constructor(context: AttackContext, most: number) {
    this.#context = context
    this.#most = most
    this.forwardQueries = new Int32Array(context.labels.length)
  }

  /** Forward passes that are left for a sample. */
  left(sample: number): number {
    return this.interrupted ? 0 : this.#most - this.forwardQueries[sample]
  }

  /** Share of all forward passes that is spent. */
  get progress(): number {
    return this.forwardQueries.reduce((sum, count) => sum + count, 0) / (this.#most * this.forwardQueries.length)
  }

  /** @param points One row for each entry of `samples`, in which a sample may occur several times. */
  async areAdversarial(samples: readonly number[], points: Float32Array): Promise<boolean[]> {
    const { model, inputs, labels, targets, budget } = this.#context
    const answers = samples.map(() => false)
    for (const rows of batches(range(samples.length), largestBatch(model))) {
      if (!(await budget.next())) this.interrupted = true
      const asked = rows.filter((row) => {
        if (this.left(samples[row]) <= 0) return false
        this.forwardQueries[samples[row]]++
        return true
      })
      if (asked.length === 0) continue
      const predictions = await predictClasses(model, takeSamples({ data: points, shape: inputs.shape }, asked))
      asked.forEach((row, index) => {
        const sample = samples[row]
        answers[row] = targets ? predictions[index] === targets[sample] : predictions[index] !== labels[sample]
      })
    }
    return answers
  }

  /**
   * Bisection along paths from the samples to adversarial points, until their lengths are known within a fraction.
   * @param write Writes the point at a fraction of the path with the given index; at 1 it is adversarial.
   * @returns for each path a fraction at which the point is adversarial.
   */
  async bisect(
    samples: readonly number[],
    tolerance: number,
    write: (path: number, fraction: number, point: Float32Array) => void,
  ): Promise<Float64Array> {
    const size = this.#context.model.domain.lower.length
    const near = new Float64Array(samples.length)
    const far = new Float64Array(samples.length).fill(1)
    for (let halving = 0; halving < mostHalvings; halving++) {
      const open = range(samples.length).filter(
        (path) => far[path] - near[path] > tolerance * far[path] && this.left(samples[path]) > 0,
      )
      if (open.length === 0) break
      const trials = new Float32Array(open.length * size)
      open.forEach((path, index) => write(path, (near[path] + far[path]) / 2, rowOf(trials, size, index)))
      const answers = await this.areAdversarial(
        open.map((path) => samples[path]),
        trials,
      )
      open.forEach((path, index) => {
        const bounds = answers[index] ? far : near
        bounds[path] = (near[path] + far[path]) / 2
      })
    }
    return far
  }
}

// For a path that is adversarial all along.
const mostHalvings = 40
