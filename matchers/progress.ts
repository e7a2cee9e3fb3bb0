import { appendFileSync } from 'node:fs'
// Not the global ones, which tests replace.
import { clearInterval, setInterval } from 'node:timers'
import { describeProgress, type Progress, watchProgress } from '../src/checks/progress.js'
import { now } from '../src/clock.js'

/** Checks that are done before it are not worth a line. */
const milliseconds = 5000

/**
 * Tells of the progress of one check, again and again until it stops: a line at the end of the file that the reporter named
 * in UNFOOLED_PROGRESS, and prints from. Without it nobody watches.
 */
export class CheckProgress {
  readonly #file = process.env.UNFOOLED_PROGRESS
  readonly #timer: NodeJS.Timeout | undefined
  #latest: Progress | undefined
  #told = 0

  constructor(model: unknown, interval = milliseconds) {
    const file = this.#file
    if (!file) return
    this.#timer = setInterval(() => {
      if (!this.#latest) return
      appendFileSync(file, `${describeProgress(this.#latest, nameOf(model), now() - this.#told)}\n`)
    }, interval)
    this.#timer.unref()
  }

  /** The attack or bound, watched. */
  watch<Method>(method: Method): Method {
    if (!this.#timer) return method
    return watchProgress(method, (progress) => {
      this.#latest = progress
      this.#told = now()
    })
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}

function nameOf(model: unknown): string {
  return String((model as { readonly description?: { readonly name?: unknown } } | null)?.description?.name)
}
