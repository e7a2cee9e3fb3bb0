import { stripVTControlCharacters } from 'node:util'

/** Longer ones quote data. */
const most = 1000

/** What an error of a test says, without colours and stack. */
export function errorText(error: string | { readonly message?: string; readonly stack?: string }): string {
  // Where an error travelled between processes, there may be no more than its stack.
  const text = typeof error === 'string' ? error : error.message || error.stack || 'An error without a message.'
  const [said] = stripVTControlCharacters(text).split(/\n\s+at /)
  return said.replace(/^Error: /, '').slice(0, most)
}
