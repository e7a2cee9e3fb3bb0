import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inject, onTestFinished } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Run {
  readonly code: number | null
  /** Standard output and standard error together. */
  readonly output: string
}

interface RecordedCheck {
  readonly file: string
  readonly test: string
  readonly project?: string
  readonly command: string
  readonly evidence: {
    readonly verdict: string
    readonly attack: { readonly epsilon: number; readonly settings: { readonly steps: number } }
    readonly samples: { readonly count: number }
    readonly warnings: readonly string[]
  }
}

/** A repository of somebody else, in a temporary folder that goes away with the test. */
export interface Project {
  readonly folder: string
  /** What the reporter wrote. */
  report(): { readonly complete: boolean; readonly checks: readonly RecordedCheck[] }
  /** Runs Node with a script and its arguments. */
  run(...command: readonly string[]): Promise<Run>
  /** The same with changes to the environment. */
  runIn(environment: Readonly<Record<string, string>>, ...command: readonly string[]): Promise<Run>
  /** The same, and kills it and all that it has started as soon as the condition holds. */
  runUntil(condition: () => boolean, ...command: readonly string[]): Promise<Run>
}

export const vitest = ['node_modules/vitest/vitest.mjs', 'run']
export const jest = ['node_modules/jest/bin/jest.js']
export const tsc = ['node_modules/typescript/bin/tsc']

/** The packed package beside links to the packages that this repository has installed: quick. */
export function linkedProject(files: Readonly<Record<string, string>>): Project {
  const project = emptyProject(files)
  const modules = join(project.folder, 'node_modules')
  mkdirSync(join(modules, 'unfooled'), { recursive: true })
  execFileSync('tar', ['-xf', inject('tarball'), '-C', join(modules, 'unfooled'), '--strip-components=1'])
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name.startsWith('.')) continue
    symlinkSync(join(root, 'node_modules', name), join(modules, name), 'junction')
  }
  return project
}

/** The packed package and the named ones, as `npm install` puts them there: slow. */
export async function installedProject(
  packages: readonly string[],
  files: Readonly<Record<string, string>>,
  node?: string,
): Promise<Project> {
  const project = emptyProject(files, node)
  const options = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error']
  const { code, output } = await start('npm', ['install', ...options, inject('tarball'), ...packages], project).done
  if (code !== 0) throw new Error(`npm install failed:\n${output}`)
  return project
}

function emptyProject(files: Readonly<Record<string, string>>, node = process.execPath): Project {
  const folder = mkdtempSync(join(tmpdir(), 'unfooled-project-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  cpSync(join(root, 'fixtures/models/mnist_lenet.onnx'), join(folder, 'model.onnx'))
  cpSync(join(root, 'fixtures/samples/mnist_lenet.npz'), join(folder, 'test-images.npz'))
  for (const [file, text] of Object.entries({ 'package.json': '{ "private": true }', ...files })) {
    writeFileSync(join(folder, file), text)
  }
  return {
    folder,
    report: () => JSON.parse(readFileSync(join(folder, 'unfooled-report/report.json'), 'utf8')),
    run: (...command) => start(node, command, { folder }).done,
    runIn: (environment, ...command) => start(node, command, { folder, environment }).done,
    async runUntil(condition, ...command) {
      const { child, done } = start(node, command, { folder })
      const timer = setInterval(() => {
        if (!condition()) return
        clearInterval(timer)
        process.kill(-child.pid!, 'SIGKILL')
      }, 20)
      return done.finally(() => clearInterval(timer))
    },
  }
}

interface Surroundings {
  readonly folder: string
  readonly environment?: Readonly<Record<string, string>>
}

function start(
  command: string,
  args: readonly string[],
  { folder, environment }: Surroundings,
): { readonly child: ChildProcess; readonly done: Promise<Run> } {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(VITEST|JEST|UNFOOLED|NODE_ENV|GITHUB)/.test(name),
  )
  const child = spawn(command, args, {
    cwd: folder,
    env: {
      ...Object.fromEntries(inherited),
      NO_COLOR: '1',
      CI: 'true',
      ONNXRUNTIME_NODE_INSTALL: 'skip',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of processes of its own, which can be killed together.
    detached: true,
  })
  let output = ''
  child.stdout.on('data', (text) => (output += text))
  child.stderr.on('data', (text) => (output += text))
  const done = new Promise<Run>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, output }))
  })
  return { child, done }
}

/** The files that a section of the README shows: code blocks that begin with a comment naming their file. */
export function readmeFiles(heading: string): Record<string, string> {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const section = readme.split(/^#+ /m).find((part) => part.startsWith(`${heading}\n`))
  if (section === undefined) throw new Error(`The README has no section "${heading}"`)
  const blocks = section.matchAll(/^```[a-z]+\n\/\/ (\S+)\n(.*?)^```$/gms)
  return Object.fromEntries([...blocks].map(([, file, text]) => [file!, text!]))
}
