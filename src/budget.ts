import { setImmediate } from 'node:timers/promises'
import { refuseUnknown } from './arguments.js'
import { now } from './clock.js'
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
  const { milliseconds = 0, signal, ...others } = settings
  refuseUnknown('budget', others)
  if (typeof milliseconds === 'number' && milliseconds >= 0) return settings
  throw new SettingsError(`A budget is a number of milliseconds of at least 0; it is ${milliseconds}.`)
}

/** The time of one check. An interface: where both builds of this package are used, their types have to fit each other. */
export interface Budget {
  readonly exhausted: boolean
  /** To be awaited between steps: lets timers and cancellation through. Says whether to go on. */
  next(): Promise<boolean>
}

/** Starts the time of one check. */
export function startBudget(request?: BudgetRequest): Budget {
  const { milliseconds = Number.POSITIVE_INFINITY, signal } = budgetSettings(request)
  const deadline = now() + milliseconds
  const isSpent = () => signal?.aborted === true || now() >= deadline
  return {
    get exhausted() {
      return isSpent()
    },
    async next() {
      await setImmediate()
      return !isSpent()
    },
  }
}
