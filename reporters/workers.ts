import { availableParallelism } from 'node:os'

/** Tells the test workers, before they start, how many of them share the cores. */
export function announceWorkers(most: number | string | undefined, files: number): void {
  const workers = typeof most === 'number' ? most : availableParallelism()
  process.env.UNFOOLED_TEST_WORKERS = String(Math.max(1, Math.min(workers, files)))
}
