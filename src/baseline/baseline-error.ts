import { UnfooledError } from '../errors.js'

/** A stored baseline that cannot be read, or that is of another setting than the check. */
export class BaselineError extends UnfooledError {
  constructor(message: string, options?: ErrorOptions) {
    super('BASELINE', message, options)
  }
}
