import { setImmediate } from 'node:timers/promises'
import { SettingsError } from './errors.js'

/** Limits of a check: it stops at the deadline, or when the signal aborts, with what it has. */
export interface BudgetSettings {
  /** Milliseconds. Default: no limit. */
  readonly milliseconds?: number
  readonly signal?: AbortSignal
}

/** A plain number is milliseconds. */
export type BudgetRequest = number | BudgetSettings

/** @throws SettingsError when the request is no time and no settings. */
export function budgetSettings(request: BudgetRequest = {}): BudgetSettings {
  const settings = typeof request === 'number' ? { milliseconds: request } : request
  const { milliseconds = 0 } = settings
  if (typeof milliseconds === 'number' && milliseconds >= 0) return settings
  throw new SettingsError(`A budget is a number of milliseconds of at least 0; it is ${milliseconds}.`)
}

/** Keeps the time of one check. */
export class Budget {
  readonly #deadline: number
  readonly #signal: AbortSignal | undefined

  constructor(request?: BudgetRequest) {
    const { milliseconds = Number.POSITIVE_INFINITY, signal } = budgetSettings(request)
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
