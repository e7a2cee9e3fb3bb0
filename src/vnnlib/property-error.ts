import { UnfooledError } from '../errors.js'

/** A VNN-LIB file that cannot be read, or that is about another model. */
export class PropertyError extends UnfooledError {
  constructor(line: number | undefined, fault: string, options?: ErrorOptions) {
    super('PROPERTY', line === undefined ? fault : `VNN-LIB line ${line}: ${fault}.`, options)
  }
}
