import { execFileSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { expect, inject, test } from 'vitest'
import { linkedProject, tsc } from './project.js'

const { exports, types, typesVersions } = JSON.parse(readFileSync('package.json', 'utf8'))

test('the tarball has what it needs and nothing else', () => {
  const tarball = inject('tarball')
  const files = execFileSync('tar', ['-tf', tarball], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((file) => file.replace(/^package\//, ''))
  for (const target of targets(exports)) expect(files).toContain(target.replace('./', ''))
  const places = new Set(
    files.map((file) =>
      file
        .split('/')
        .slice(0, file.startsWith('dist/') ? 3 : 2)
        .join('/'),
    ),
  )
  expect([...places].sort()).toEqual([
    'LICENSE',
    'README.md',
    'dist/cjs/fixtures',
    'dist/cjs/matchers',
    'dist/cjs/package.json',
    'dist/cjs/reporters',
    'dist/cjs/src',
    'dist/esm/fixtures',
    'dist/esm/matchers',
    'dist/esm/reporters',
    'dist/esm/src',
    'fixtures/README.md',
    'fixtures/fixtures.json',
    'fixtures/models',
    'fixtures/samples',
    'package.json',
    'reporters/report.schema.json',
  ])
  // TypeScript's old way of resolution, which knows no "exports".
  for (const [entry, { require }] of Object.entries<{ require?: { types: string } }>(exports)) {
    const subpath = entry.replace('./', '')
    if (require) expect(subpath === '.' ? [types] : typesVersions['*'][subpath]).toEqual([require.types])
  }
  // Two thirds are the weights and samples of the fixtures.
  expect(statSync(tarball).size).toBeLessThan(2_000_000)
})

function targets(entry: string | Record<string, unknown>): string[] {
  return typeof entry === 'string' ? [entry] : Object.values(entry).flatMap((inner) => targets(inner as string))
}

const useEverything = `
  const { modelPath, samples, domain } = await loadFixture('digits_mlp')
  const model = await loadModel(modelPath, { domain })
  const { foolingRatio } = await attack(model, pgd({ norm: 'linf', epsilon: 0.1 }), { ...samples, seed: 1 })
  console.log(typeof VitestReporter, typeof JestReporter, foolingRatio.value > 0.3)
`

test.each([
  [
    'import',
    'main.mjs',
    `import { attack, loadModel, pgd } from 'unfooled'
    import { loadFixture } from 'unfooled/fixtures'
    import VitestReporter from 'unfooled/reporters/vitest'
    import JestReporter from 'unfooled/reporters/jest'
    ${useEverything}`,
  ],
  [
    'require',
    'main.cjs',
    `const { attack, loadModel, pgd } = require('unfooled')
    const { loadFixture } = require('unfooled/fixtures')
    const { default: VitestReporter } = require('unfooled/reporters/vitest')
    const { default: JestReporter } = require('unfooled/reporters/jest')
    void (async () => { ${useEverything} })()`,
  ],
])('%s works, and the process ends by itself', async (_, file, code) => {
  const project = linkedProject({ [file]: code })
  expect(await project.run(file)).toEqual({ code: 0, output: 'function function true\n' })
})

const checks = `
  const model = await loadModel('model.onnx', { domain: [0, 1] })
  const samples = await loadSamples('test-images.npz')
  await expect(model).toResistAttack(pgd({ norm: 'linf', epsilon: 0.1 }), { samples, maxFoolingRatio: 0.1 })
  await expect(model).not.toHaveLowerBoundAbove(0.5, { samples, norm: 'l2', bound: crown({ norm: 'l2' }) })
  await expect(model).toHaveValidLowerBounds({ samples, bound: crown({ norm: 'l2' }) })
  // @ts-expect-error: no such norm
  await expect(model).toHaveLowerBoundAbove(0.5, { samples, norm: 'l7', bound: crown({ norm: 'l2' }) })
  // @ts-expect-error: samples are missing
  await expect(model).toResistAttack(pgd({ epsilon: 0.1 }))
`

const fromVitest = `import 'unfooled/vitest'\nimport { expect, test } from 'vitest'`
const fromJest = `import 'unfooled/jest'\nimport { expect, test } from '@jest/globals'`
const globalJest = `import 'unfooled/jest'`
const onlyVitest = `import { expect, test } from 'vitest'`
// TypeScript takes those of the CommonJS build, whichever build the tests import.
const typesOfVitest = ['node', 'unfooled/vitest']

test('matchers of others are typed beside those for Jest', async () => {
  const own = (parameters: string) =>
    `export {}\ndeclare module 'expect' { interface Matchers<${parameters}> { toBeOwn(): R } }`
  const project = linkedProject({
    'tsconfig.json': JSON.stringify({
      compilerOptions: { target: 'es2022', module: 'nodenext', strict: true, noEmit: true, types: ['node'] },
      // In the order of their imports.
      files: ['robustness.test.ts'],
    }),
    // As Jest's documentation has it.
    'own.d.ts': own('R'),
    // As @testing-library/jest-dom/jest-globals does it.
    'other.d.ts': `export {}
      declare module '@jest/expect' { interface Matchers<R extends void | Promise<void>> { toBeOther(): R } }`,
    'robustness.test.ts': `
      import 'unfooled/jest'
      import './own.js'
      import './other.js'
      import { expect } from '@jest/globals'
      import { type Classifier, pgd, type Samples } from 'unfooled'
      export async function check(model: Classifier, samples: Samples) {
        expect(model).toBeOwn()
        expect(model).not.toBeOther()
        await expect(model).toResistAttack(pgd({ epsilon: 0.1 }), { samples })
      }`,
  })
  expect(await project.run(...tsc)).toEqual({ code: 0, output: '' })
})

test.each([
  ['Vitest, in a package of type module', { type: 'module', module: 'nodenext', imports: fromVitest, types: ['node'] }],
  ['Vitest, in one of type commonjs', { type: 'commonjs', module: 'preserve', imports: fromVitest, types: ['node'] }],
  ['Jest, in a package of type module', { type: 'module', module: 'nodenext', imports: fromJest, types: ['node'] }],
  ['Jest, in one of type commonjs', { type: 'commonjs', module: 'nodenext', imports: fromJest, types: ['node'] }],
  [
    'Vitest, with types that the configuration names',
    { type: 'module', module: 'nodenext', imports: onlyVitest, types: typesOfVitest },
  ],
  [
    'Vitest, the same with a bundler',
    { type: 'module', module: 'preserve', imports: onlyVitest, types: typesOfVitest },
  ],
  [
    'Jest, with types that the configuration names',
    { type: 'module', module: 'nodenext', imports: '', types: ['node', 'jest', 'unfooled/jest'] },
  ],
  ['Jest with global types', { type: 'commonjs', module: 'nodenext', imports: globalJest, types: ['node', 'jest'] }],
])('matchers are typed in %s', async (_, { type, module, imports, types }) => {
  const project = linkedProject({
    'package.json': JSON.stringify({ private: true, type }),
    'tsconfig.json': JSON.stringify({
      compilerOptions: {
        target: 'es2022',
        module,
        strict: true,
        exactOptionalPropertyTypes: true,
        noEmit: true,
        types,
      },
      include: ['*.test.ts'],
    }),
    'robustness.test.ts': `
      import { crown, loadModel, loadSamples, pgd } from 'unfooled'
      ${imports}
      test('types', async () => { ${checks} })`,
  })
  expect(await project.run(...tsc)).toEqual({ code: 0, output: '' })
})
