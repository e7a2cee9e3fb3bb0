export type Runner = 'vitest' | 'jest'

interface Template {
  readonly file: string
  readonly text: string
}

export interface Templates {
  readonly config: Template
  /** Where the runner looks for its configuration. */
  readonly configNames: readonly string[]
  readonly test: Template
  readonly command: string
}

/** What `unfooled init` writes: a test of a model that comes with this package, to be replaced by one's own. */
export function templates(runner: Runner, isModule: boolean): Templates {
  return runner === 'vitest' ? vitest : jest(isModule)
}

const configNames = (name: string, extensions: readonly string[]) =>
  extensions.map((extension) => `${name}.config.${extension}`)

// Not spelled out below, where they would read as imports of this file.
const self = 'unfooled'
const vitestName = 'vitest'

const ownModel = `  // Your own, with loadSamples from '${self}' too:
  // const model = await loadModel('model.onnx', { domain: [0, 1] })
  // const samples = await loadSamples('samples.npz')`

const checks = `toResistAttack(pgd({ norm: 'linf', epsilon: 0.01 }), { samples, maxFoolingRatio: 0.2 })`

const vitest: Templates = {
  config: {
    file: 'vitest.config.mjs',
    text: `import { defineConfig } from '${vitestName}/config'

export default defineConfig({
  test: {
    setupFiles: ['unfooled/vitest'],
    reporters: ['default', 'unfooled/reporters/vitest'],
    testTimeout: 60_000,
  },
})
`,
  },
  configNames: ['vitest', 'vite'].flatMap((name) => configNames(name, ['ts', 'mts', 'cts', 'js', 'mjs', 'cjs'])),
  test: {
    file: 'robustness.test.mjs',
    text: `import { loadModel, pgd } from '${self}'
import { loadFixture } from '${self}/fixtures'
import { test } from '${vitestName}'

test('resists PGD', async ({ expect }) => {
${ownModel}
  const { modelPath, samples, domain } = await loadFixture('digits_mlp')
  const model = await loadModel(modelPath, { domain })
  await expect(model).${checks}
})
`,
  },
  command: 'npx vitest run',
}

// Jest runs CommonJS, which is another file in a package of ES modules, and Jest 29 does not look for it.
const jest = (isModule: boolean): Templates => ({
  config: {
    file: 'jest.config.cjs',
    text: `module.exports = {
  setupFilesAfterEnv: ['unfooled/jest'],
  reporters: ['default', 'unfooled/reporters/jest'],
  watchPathIgnorePatterns: ['unfooled-report'],
  testTimeout: 60_000,
${isModule ? "  testMatch: ['**/?(*.)+(spec|test).?([mc])[jt]s?(x)'],\n" : ''}}
`,
  },
  configNames: configNames('jest', ['ts', 'mts', 'cts', 'js', 'mjs', 'cjs', 'json']),
  test: {
    file: `robustness.test.${isModule ? 'cjs' : 'js'}`,
    text: `const { loadModel, pgd } = require('${self}')
const { loadFixture } = require('${self}/fixtures')

test('resists PGD', async () => {
${ownModel}
  const { modelPath, samples, domain } = await loadFixture('digits_mlp')
  const model = await loadModel(modelPath, { domain })
  await expect(model).${checks}
  await model.close()
})
`,
  },
  command: 'npx jest',
})
