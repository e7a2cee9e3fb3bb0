// Fake timers of a test replace the global one, and stand still.
import { performance } from 'node:perf_hooks'

/** Milliseconds on a clock that only goes forward. */
export function now(): number {
  return performance.now()
}
