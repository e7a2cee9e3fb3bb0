import { UnfooledError } from '../../src/errors.js'
import { packageVersion } from '../../src/version.js'
import type { ExitCode, Output, Verb } from './verb.js'

// Each is loaded when it is asked for: an audit needs the whole package, a gate hardly anything.
const verbs: Readonly<Record<string, () => Promise<Verb>>> = {
  audit: async () => (await import('./audit.js')).audit,
  init: async () => (await import('./init.js')).init,
  report: async () => (await import('./report.js')).report,
  merge: async () => (await import('./merge.js')).merge,
  gate: async () => (await import('./gate.js')).gate,
}

/** Runs the command line `unfooled <args>`. Defects of this package are the only errors that it throws. */
export async function runCli(args: readonly string[], output: Output): Promise<ExitCode> {
  const [name, ...rest] = args
  if (name === '--version') {
    output.print(packageVersion())
    return 0
  }
  if (name === '--help' || name === '-h') {
    output.print(await help())
    return 0
  }
  if (name === undefined || !Object.hasOwn(verbs, name)) {
    output.note(`${name === undefined ? '' : `There is no verb ${JSON.stringify(name)}.\n\n`}${await help()}`)
    return 2
  }
  const verb = await verbs[name]()
  if (rest.includes('--help') || rest.includes('-h')) {
    output.print(verb.help)
    return 0
  }
  try {
    return await verb.run(rest, output)
  } catch (error) {
    if (!(error instanceof UnfooledError) && !isUsageError(error)) throw error
    output.note(`unfooled ${name}: ${error.message}`)
    if (isUsageError(error)) output.note(`\n${verb.help}`)
    return 2
  }
}

async function help(): Promise<string> {
  const width = Math.max(...Object.keys(verbs).map((name) => name.length))
  const lines = Object.entries(verbs).map(async ([name, load]) => `  ${name.padEnd(width)}  ${(await load()).summary}`)
  return [
    'Usage: unfooled <verb> [options]',
    '',
    ...(await Promise.all(lines)),
    '',
    'unfooled <verb> --help lists the options of a verb; unfooled --version prints the version.',
  ].join('\n')
}

/** What parseArgs throws. */
function isUsageError(error: unknown): error is Error {
  return error instanceof Error && String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS_')
}
