/**
 * What to type to run a test again, in the folder of the project; of all tests of the file where the name is not known.
 * @param runner Such as `vitest run`, with its options.
 */
export function testCommand(runner: string, file: string, test: string | undefined): string {
  return ['npx', runner, quote(file), ...(test === undefined ? [] : ['-t', quote(`${escapePattern(test)}$`)])].join(' ')
}

/** For a POSIX shell. */
export function quote(text: string): string {
  return /^[\w./:=,@-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
