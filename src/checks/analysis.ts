import { now } from '../clock.js'
import { UnfooledError } from '../errors.js'
import { couldNotRun } from './reasons.js'

/** What an analysis found, or why it could not run, and how long it took. */
export type Analysis<Finding> = { readonly milliseconds: number } & (
  | { readonly finding: Finding; readonly reason?: undefined }
  | { readonly finding?: undefined; readonly reason: string }
)

/**
 * Runs an analysis. Errors that this package throws on purpose say that it could not run, which is a result;
 * others are defects and go on.
 */
export async function analyse<Finding>(run: () => Promise<Finding>): Promise<Analysis<Finding>> {
  const start = now()
  try {
    const finding = await run()
    return { finding, milliseconds: now() - start }
  } catch (error) {
    if (!(error instanceof UnfooledError)) throw error
    return { reason: couldNotRun(error), milliseconds: now() - start }
  }
}
