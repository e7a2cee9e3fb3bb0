import { UnfooledError } from '../../src/errors.js'
import { packageVersion } from '../../src/version.js'
import { audit } from './audit.js'
import { gate } from './gate.js'
import { init } from './init.js'
import { merge } from './merge.js'
import { report } from './report.js'
import type { ExitCode, Output, Verb } from './verb.js'

const verbs: Readonly<Record<string, Verb>> = { audit, init, report, merge, gate }

/** Runs the command line `unfooled <args>`. Defects of this package are the only errors that it throws. */
export async function runCli(args: readonly string[], output: Output): Promise<ExitCode> {
  const [name, ...rest] = args
  if (name === '--version') {
    output.print(packageVersion())
    return 0
  }
  if (name === '--help' || name === '-h') {
    output.print(help())
    return 0
  }
  if (name === undefined || !Object.hasOwn(verbs, name)) {
    output.note(name === undefined ? help() : `There is no verb ${JSON.stringify(name)}.\n\n${help()}`)
    return 2
  }
  const verb = verbs[name]
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

function help(): string {
  const width = Math.max(...Object.keys(verbs).map((name) => name.length))
  return [
    'Usage: unfooled <verb> [options]',
    '',
    ...Object.entries(verbs).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    'unfooled <verb> --help lists the options of a verb; unfooled --version prints the version.',
  ].join('\n')
}

/** What parseArgs throws. */
function isUsageError(error: unknown): error is Error {
  return error instanceof Error && String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS_')
}
