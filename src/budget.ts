import { setImmediate } from 'node:timers/promises'

/** Limits of a check: it stops at the deadline, or when the signal aborts, with what it has. */
export interface BudgetSettings {
  /** Milliseconds. Default: no limit. */
  readonly milliseconds?: number
  readonly signal?: AbortSignal
}

/** Keeps the time of one check. */
export class Budget {
  readonly #deadline: number
  readonly #signal: AbortSignal | undefined

  constructor({ milliseconds = Number.POSITIVE_INFINITY, signal }: BudgetSettings = {}) {
    this.#deadline = performance.now() + milliseconds
    this.#signal = signal
  }

  get exhausted(): boolean {
    return this.#signal?.aborted === true || performance.now() >= this.#deadline
  }

  /** To be awaited between steps: lets timers and cancellation through. Says whether to go on. */
  async next(): Promise<boolean> {
    await setImmediate()
    return !this.exhausted
  }
}
