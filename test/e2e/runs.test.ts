import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { installedProject, jest, linkedProject, type Project, readmeFiles, vitest } from './project.js'

const { bin } = JSON.parse(readFileSync('package.json', 'utf8'))
const unfooled = join('node_modules/unfooled', bin.unfooled)
const report = 'unfooled-report/report.json'
const baseline = (file: string) => join('__robustness__', file, 'withstands.json')

/** What differs between the runners. */
interface Runner {
  readonly heading: 'Vitest' | 'Jest'
  readonly command: readonly string[]
  readonly suffix: string
  /** Imports, and a function that loads the model and 16 samples. */
  readonly head: string
  readonly retried: (name: string, body: string) => string
  readonly concurrent: (name: string, body: string) => string
  /** Declares a test that is expected to fail. */
  readonly failing: string
  /** The configuration of the README, for two projects that run the same files. */
  readonly projects: (readme: string) => string
  /** Runs both halves of the files and makes one report of them. */
  runShards(project: Project): Promise<void>
}

const load = `
  const load = async () => ({
    model: await loadModel('model.onnx', { domain: [0, 1] }),
    samples: firstSamples(await loadSamples('test-images.npz'), 16),
  })`

const runners: Record<Runner['heading'], Runner> = {
  Vitest: {
    heading: 'Vitest',
    command: vitest,
    suffix: 'ts',
    head: `
      import { firstSamples, loadModel, loadSamples, pgd } from 'unfooled'
      import { expect, test } from 'vitest'
      ${load}`,
    retried: (name, body) => `test('${name}', { retry: 1 }, async ({ expect }) => {${body}})`,
    concurrent: (name, body) => `test.concurrent.for([1, 2])('${name} %s', async (steps, { expect }) => {${body}})`,
    failing: 'test.fails',
    projects: (readme) =>
      readme.replace('test: {', `test: { projects: ['one', 'two'].map((name) => ({ extends: true, test: { name } })),`),
    async runShards(project) {
      for (const shard of [1, 2]) {
        const options = [`--shard=${shard}/2`, '--reporter=blob', `--outputFile=blobs/${shard}.json`]
        await succeeds(project.run(...vitest, ...options))
      }
      await succeeds(project.run(...vitest, '--merge-reports=blobs', '--reporter=unfooled/reporters/vitest'))
    },
  },
  Jest: {
    heading: 'Jest',
    command: jest,
    suffix: 'js',
    head: `
      const { firstSamples, loadModel, loadSamples, pgd } = require('unfooled')
      jest.retryTimes(1)
      ${load}`,
    retried: (name, body) => `test('${name}', async () => {${body}})`,
    concurrent: (name, body) => `test.concurrent.each([1, 2])('${name} %s', async (steps) => {${body}})`,
    failing: 'test.failing',
    projects: (readme) => `${readme}
      const { setupFilesAfterEnv } = module.exports
      module.exports.projects = ['one', 'two'].map((displayName) => ({ displayName, setupFilesAfterEnv }))`,
    async runShards(project) {
      for (const shard of [1, 2]) {
        await succeeds(project.run(...jest, `--shard=${shard}/2`))
        renameSync(join(project.folder, report), join(project.folder, `${shard}.json`))
      }
      await succeeds(project.run(unfooled, 'merge', '1.json', '2.json'))
    },
  },
}

async function succeeds(run: Promise<{ code: number | null; output: string }>): Promise<string> {
  const { code, output } = await run
  if (code !== 0) throw new Error(`Exit code ${code}:\n${output}`)
  return output
}

const check = (epsilon: string, steps: string) => `
  const { model, samples } = await load()
  const attack = pgd({ norm: 'linf', epsilon: ${epsilon}, steps: ${steps} })
  await expect(model).toResistAttack(attack, { samples, maxFoolingRatio: 0.5, seed: 7 })`

function retriesAndBaseline({ head, retried }: Runner): string {
  return `${head}
    let attempts = 0
    ${retried('tried again', `attempts++\n${check('attempts === 1 ? 0.9 : Number(process.env.EPSILON ?? 0.02)', '3')}`)}
    test('withstands', async () => {
      const { model, samples } = await load()
      await expect(model).toMatchRobustnessBaseline(pgd({ epsilon: 0.05, steps: 3 }), { samples, seed: 7 })
    })`
}

function concurrentChecks({ head, concurrent, failing }: Runner): string {
  return `${head}
    ${concurrent('concurrent', check('0.02', 'steps'))}
    ${failing}('is fooled', async () => {${check('0.9', '3')}})`
}

/** Comes to no check. */
function throws({ head }: Runner): string {
  return `${head}
    test('typo', async () => {
      const { model, samples } = await load()
      await expect(model).toResistAttack(pdg({ epsilon: 0.01 }), { samples })
    })`
}

/** Ends one check, and does not end another one before the time of the test below is up. */
function endless({ head }: Runner): string {
  return `${head}
    test('endless', async () => {
      const { model, samples } = await load()
      await expect(model).toResistAttack(pgd({ epsilon: 0.01, steps: 1 }), { samples, maxFoolingRatio: 0.5, seed: 7 })
      const attack = pgd({ epsilon: 0.001, steps: 10_000, restarts: 10_000 })
      await expect(model).toResistAttack(attack, { samples })
    }, 1_800_000)`
}

test.each([
  ['Vitest', 'Vitest 4, as it is installed here', []],
  ['Jest', 'Jest 30, as it is installed here', []],
  ['Vitest', 'Vitest 3.2', ['vitest@3.2']],
  ['Vitest', 'Vitest 5, on Node 24', ['vitest@5', 'node@24']],
  ['Jest', 'Jest 29.7', ['jest@29.7']],
] as const)('%s: %s', async (heading, _, packages) => {
  const runner = runners[heading]
  const { command, suffix } = runner
  const readme = readmeFiles(heading)
  const [tried, concurrent] = ['tried', 'concurrent'].map((name) => `${name}.test.${suffix}`)
  const [config] = Object.keys(readme)
  const projectsConfig = `projects.${config}`
  const files = {
    [config!]: readme[config!]!,
    [projectsConfig]: runner.projects(readme[config!]!),
    [tried!]: retriesAndBaseline(runner),
    [concurrent!]: concurrentChecks(runner),
  }
  const project = await (packages.length === 0 ? linkedProject(files) : install(packages, files))
  const gate = (...reports: string[]) => project.run(unfooled, 'gate', ...(reports.length > 0 ? reports : [report]))
  const path = (file: string) => join(project.folder, file)

  // -u writes the baseline; a gate asks for a comparison with it.
  await succeeds(project.run(...command, '-u'))
  expect(existsSync(path(baseline(tried!)))).toBe(true)
  expect(await gate()).toMatchObject({
    code: 1,
    output: expect.stringContaining('was written, so nothing was compared'),
  })

  // In CI everything passes, one test at its second attempt, and one because it fails.
  await succeeds(project.run(...command))
  expect(await succeeds(gate())).toContain('The gate passed: 5 checks.')
  expect(project.report()).toMatchObject({ complete: true, checks: { length: 5 } })
  const retried = project.report().checks.filter(({ evidence: { warnings } }) => /attempt 2/.test(warnings.join()))
  expect(retried).toMatchObject([{ file: tried, test: 'tried again', evidence: { attack: { epsilon: 0.02 } } }])
  expect(existsSync(path('unfooled-report/report.html'))).toBe(true)
  expect(existsSync(path(`${report}.unfinished`))).toBe(false)

  // The files of a run in two shards.
  await runner.runShards(project)
  expect(await succeeds(gate())).toContain('The gate passed: 5 checks.')
  expect(project.report().checks.map(({ file }) => file)).toEqual([concurrent, concurrent, concurrent, tried, tried])

  // The samples of a run in two shards: each passes its tests, and none the gate. Two projects run the file.
  for (const shard of ['1', '2']) {
    await succeeds(project.runIn({ UNFOOLED_SHARD: `${shard}/2` }, ...command, '-c', projectsConfig, concurrent!))
    renameSync(path(report), path(`part-${shard}.json`))
  }
  expect(await gate('part-1.json')).toMatchObject({ code: 1, output: expect.stringContaining('not merged') })
  const merged = await succeeds(project.run(unfooled, 'merge', 'part-1.json', 'part-2.json'))
  expect(merged).toContain('unfooled: 6 checks of 1 model, none failed, 2 failed as expected')
  const { checks } = project.report()
  // Vitest 3 does not tell concurrent tests apart.
  const nameOf = (steps: number) => (packages[0] === 'vitest@3.2' ? undefined : `concurrent ${steps}`)
  const expected = [`${nameOf(1)} 1`, `${nameOf(2)} 2`, 'is fooled 3']
  const names = checks.map(({ project, test, evidence }) => `${project} ${test} ${evidence.attack.settings.steps}`)
  expect(names.sort()).toEqual(['one', 'two'].flatMap((name) => expected.map((each) => `${name} ${each}`)).sort())
  expect(checks.map(({ evidence }) => evidence.samples.count)).toEqual([16, 16, 16, 16, 16, 16])
  for (const { command, project } of checks) {
    expect(command).toContain(
      `--config ${projectsConfig} --${heading === 'Jest' ? 'selectProjects' : 'project'} ${project} `,
    )
  }
  await succeeds(gate())

  // What fails fails the run and the gate.
  const failed = await project.runIn({ EPSILON: '0.9' }, ...command, tried!)
  expect(failed.code).toBe(1)
  expect(await gate()).toMatchObject({ code: 1, output: expect.stringMatching(/✗ tried.*: fooled/) })

  // So does what comes to no check, and what cannot be loaded, in any shard of the samples.
  const broken = [`throws.test.${suffix}`, `unloadable.test.${suffix}`]
  writeFileSync(path(broken[0]!), throws(runner))
  writeFileSync(path(broken[1]!), 'const x = ;')
  for (const shard of ['1', '2']) {
    const run = await project.runIn({ UNFOOLED_SHARD: `${shard}/2` }, ...command, concurrent!, ...broken)
    expect(run.code).toBe(1)
    expect(run.output).toContain('2 inconclusive, 2 other failures\n')
    renameSync(path(report), path(`part-${shard}.json`))
  }
  await succeeds(project.run(unfooled, 'merge', 'part-1.json', 'part-2.json'))
  const outside = await gate()
  expect(outside.code).toBe(1)
  expect(outside.output.trim().split('\n')).toEqual([
    'The gate failed:',
    expect.stringMatching(
      /^✗ throws\.test\.\w+ > typo: failed outside its checks: (ReferenceError: )?pdg is not defined$/,
    ),
    expect.stringMatching(/^✗ unloadable\.test\.\w+: failed outside its tests: .*Unexpected/),
  ])
  for (const file of broken) rmSync(path(file))

  // What is killed leaves what has ended.
  writeFileSync(path(`endless.test.${suffix}`), endless(runner))
  const killed = await project.runUntil(() => hasEvidence(path(`${report}.unfinished`)), ...command, 'endless')
  expect(killed.code).toBe(null)
  const remains = await succeeds(project.run(unfooled, 'report', report, '--output', 'remains'))
  expect(remains).toContain('unfooled: 1 check of 1 model')
  expect(remains).toContain('The run was interrupted: checks are missing.')
  expect(await gate()).toMatchObject({ code: 1, output: expect.stringContaining('The run is not complete') })
})

/** With what the README shows, which is run first. */
async function install(packages: readonly string[], files: Readonly<Record<string, string>>): Promise<Project> {
  const [runner] = packages
  const heading = runner!.startsWith('vitest') ? 'Vitest' : 'Jest'
  const node = packages.some((name) => name.startsWith('node@')) ? 'node_modules/node/bin/node' : undefined
  const project = await installedProject([...packages, 'onnxruntime-node@1.30'], readmeFiles(heading), node)
  const output = await succeeds(project.run(...runners[heading].command))
  expect(output).toMatch(/Tests:? +2 passed/)
  for (const [file, text] of Object.entries(files)) writeFileSync(join(project.folder, file), text)
  rmSync(join(project.folder, `robustness.test.${runners[heading].suffix}`))
  return project
}

/** Whether a worker has written a whole line. */
function hasEvidence(folder: string): boolean {
  if (!existsSync(folder)) return false
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.jsonl'))
  return files.some((file) => readFileSync(join(folder, file), 'utf8').endsWith('\n'))
}
