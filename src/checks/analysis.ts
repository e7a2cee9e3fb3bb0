import { UnfooledError } from '../errors.js'
import { couldNotRun } from './reasons.js'

/** What an analysis found, or why it could not run. */
export type Analysis<Finding> =
  | { readonly finding: Finding; readonly reason?: undefined }
  | { readonly finding?: undefined; readonly reason: string }

/**
 * Runs an analysis. Errors that this package throws on purpose say that it could not run, which is a result;
 * others are defects and go on.
 */
export async function analyse<Finding>(run: () => Promise<Finding>): Promise<Analysis<Finding>> {
  try {
    return { finding: await run() }
  } catch (error) {
    if (error instanceof UnfooledError) return { reason: couldNotRun(error) }
    throw error
  }
}
