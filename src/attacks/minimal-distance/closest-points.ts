import type { LoopOutcome } from '../iteration/run-loop.js'

/** The closest adversarial points that several runs of a loop have found. */
export class ClosestPoints {
  readonly #points = new Map<number, { readonly distance: number; readonly point: Float32Array }>()

  /** Takes over what is closer; for a sample without any adversarial point, the point at which its last run ended. */
  add({ samples, feeds }: Pick<LoopOutcome, 'samples' | 'feeds'>): void {
    const [best, last] = ['start:best', 'start:point'].map((name) => feeds[name].data as Float32Array)
    const size = best.length / samples.length
    samples.forEach((sample, row) => {
      const distance = Number(feeds['start:bestDistance'].data[row])
      const known = this.#points.get(sample)
      if (known && known.distance < Number.POSITIVE_INFINITY && known.distance <= distance) return
      const data = distance < Number.POSITIVE_INFINITY ? best : last
      this.#points.set(sample, { distance, point: data.slice(row * size, (row + 1) * size) })
    })
  }

  /** The samples (by position among those of the attack) with their points; `distance` is infinite without an adversarial one. */
  entries(): IterableIterator<[number, { readonly distance: number; readonly point: Float32Array }]> {
    return this.#points.entries()
  }
}
