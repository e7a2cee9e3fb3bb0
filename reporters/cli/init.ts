import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { SettingsError } from '../../src/errors.js'
import { type Runner, templates } from './templates.js'
import { parseChoice, type Verb } from './verb.js'

const help = `Usage: unfooled init [options]

Adds the configuration and a first test to the repository in this folder. Files that are there already stay as they are.

  --runner <vitest|jest>  default: the one that package.json depends on`

/** Prepares a repository. */
export const init: Verb = {
  summary: 'adds the configuration and a first test to a repository',
  help,
  run: async (args, output) => {
    const { values } = parseArgs({ args: [...args], options: { runner: { type: 'string' } } })
    const description = readPackage()
    const runner = values.runner ? parseChoice('runner', values.runner, ['vitest', 'jest']) : detectRunner(description)
    const { config, configNames, test, command } = templates(runner, description.type === 'module')
    const existing =
      configNames.find((name) => existsSync(name)) ?? (runner in description ? 'package.json' : undefined)
    if (existing === undefined) output.print(create(config))
    else output.print(`${existing} exists and stays as it is. It needs what this has:\n\n${config.text}`)
    output.print(create(test))
    const missing = ['unfooled', 'onnxruntime-node', runner].filter((name) => !isDependency(description, name))
    if (missing.length > 0) output.print(`To install: npm install --save-dev ${missing.join(' ')}`)
    output.print(`To run: ${command}`)
    return 0
  },
}

type PackageDescription = Readonly<Record<string, unknown>>

function readPackage(): PackageDescription {
  if (!existsSync('package.json')) {
    throw new SettingsError('There is no package.json here. Run this in the folder of your package, or npm init first.')
  }
  try {
    const description: unknown = JSON.parse(readFileSync('package.json', 'utf8'))
    if (typeof description === 'object' && description !== null) return description as PackageDescription
  } catch (error) {
    throw new SettingsError(`package.json cannot be read: ${(error as Error).message}`)
  }
  throw new SettingsError('package.json cannot be read: it is not an object.')
}

function detectRunner(description: PackageDescription): Runner {
  const found = (['vitest', 'jest'] as const).find((runner) => isDependency(description, runner))
  if (found) return found
  throw new SettingsError('package.json depends on neither Vitest nor Jest. Name one: unfooled init --runner vitest')
}

function isDependency(description: PackageDescription, name: string): boolean {
  return ['dependencies', 'devDependencies', 'peerDependencies'].some((kind) => {
    const dependencies = description[kind]
    return typeof dependencies === 'object' && dependencies !== null && Object.hasOwn(dependencies, name)
  })
}

/** Writes a file that does not exist yet; says what was done. */
function create({ file, text }: { readonly file: string; readonly text: string }): string {
  try {
    writeFileSync(file, text, { flag: 'wx' })
    return `${file}: written`
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return `${file} exists and stays as it is.`
    throw new SettingsError(`${file} cannot be written: ${(error as Error).message}`)
  }
}
