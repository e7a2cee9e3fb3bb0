import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import * as tf from '@tensorflow/tfjs'
import { PNG } from 'pngjs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import '../matchers/vitest.js'
import { loadFixture } from '../fixtures/index.js'
import { GraphBuilder } from '../src/graph/builder.js'
import { encodeModel } from '../src/graph/encode.js'
import * as unfooled from '../src/index.js'
import { denseModel } from './tiny-models.js'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Code blocks of the documentation, by page and number. Those of the README that name a file are run end to end. */
const snippets = [...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`), 'README.md'].flatMap((page) =>
  [...readFileSync(join(root, page), 'utf8').matchAll(/^```ts\n(?!\/\/ \S+\n)(.*?)^```$/gms)].map(
    ([, code], index) => [`${page} ${index + 1}`, code] as const,
  ),
)

/** A project in a temporary folder, with the files that the snippets name. */
const folder = mkdtempSync(join(tmpdir(), 'unfooled-docs-'))
const before = process.cwd()

beforeAll(async () => {
  snippets.forEach(([, code], index) => writeFileSync(join(folder, `snippet-${index}.ts`), moduleOf(code)))
  const { compilerOptions } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8'))
  const types = {
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
    paths: {},
    allowImportingTsExtensions: true,
    noUnusedLocals: false,
    noUnusedParameters: false,
  }
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: { ...compilerOptions, ...types }, include: ['*.ts'] }),
  )
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction')
  writeFiles()
  tfjsArtifacts = await writeTfjsModel()
  process.chdir(folder)
})
afterAll(() => {
  process.chdir(before)
  rmSync(folder, { recursive: true })
})

test('there are snippets', () => {
  expect(snippets.length).toBeGreaterThan(10)
})

test('they have the right types', () => {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const { stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' })
  expect(stdout).toBe('')
})

// Baselines would be written beside this file; test/e2e/baseline.test.ts runs them.
const executable = snippets.flatMap(([name, code], index) =>
  code.includes('toMatchRobustnessBaseline') ? [] : [[name, index] as const],
)

test.each(executable)('%s runs', async (_, index) => {
  const { snippet } = await import(join(folder, `snippet-${index}.ts`))
  await snippet(await subjects())
})

/**
 * The snippet as the body of a function, whose arguments are what the text before it explains. Imports stay at the top;
 * exported names that it does not import are imported, and its tests are run at once.
 */
function moduleOf(code: string): string {
  const imports = code.match(/^import .*$/gm) ?? []
  const body = code.replace(/^import .*\n/gm, '')
  const known = Object.keys(unfooled).filter(
    (name) => new RegExp(`\\b${name}\\b(?!:)`).test(body) && !imports.some((line) => line.includes(name)),
  )
  const path = (file: string) => JSON.stringify(join(root, file))
  const lines = [
    ...imports.filter((line) => !line.includes("'vitest'")),
    ...(known.length === 0 ? [] : [`import { ${known.join(', ')} } from 'unfooled'`]),
  ]
  return (
    `${lines.join('\n')}
import { expect } from 'vitest'
import type { Classifier, Regressor, Samples } from 'unfooled'
import 'unfooled/vitest'

interface Subjects {
  model: Classifier; samples: Samples; regressor: Regressor; images: Samples
  handler: any; run: any; runBackwards: any
}

export async function snippet({ model, samples, regressor, images, handler, run, runBackwards }: Subjects) {
  const { inputs, labels } = samples
  const tests: (() => Promise<void>)[] = []
  const test = (_: string, run: () => Promise<void>) => void tests.push(run)
  {
${body}
  }
  for (const each of tests) await each()
}
`
      // The properties have tests of their own.
      .replace('numRuns: 100', 'numRuns: 2')
      .replaceAll("from 'unfooled'", `from ${path('src/index.ts')}`)
      .replaceAll("from 'unfooled/fast-check'", `from ${path('src/properties/index.ts')}`)
      .replaceAll("'unfooled/vitest'", path('matchers/vitest.ts'))
      .replaceAll("from 'vitest'", `from ${path('node_modules/vitest/dist/index.js')}`)
  )
}

async function subjects() {
  const digits = await loadFixture('digits_cnn')
  const autoencoder = await loadFixture('mnist_autoencoder')
  const { domain, outputRange } = autoencoder
  const inputs = { data: autoencoder.samples.inputs.data.slice(0, 5 * 784), shape: [5, 1, 28, 28] }
  return {
    model: await unfooled.loadModel(digits.modelPath, { domain: digits.domain }),
    samples: unfooled.firstSamples(digits.samples, 20),
    regressor: await unfooled.loadRegressor(autoencoder.modelPath, { domain, outputRange }),
    images: { inputs },
    handler: tf.io.fromMemory(tfjsArtifacts),
    run: (_: Float32Array, count: number) => new Float32Array(2 * count),
    runBackwards: (data: Float32Array) => new Float32Array(data.length),
  }
}

let tfjsArtifacts: tf.io.ModelArtifacts

/** A model.json with its weights, as `tensorflowjs_converter` writes them. */
async function writeTfjsModel(): Promise<tf.io.ModelArtifacts> {
  await tf.setBackend('cpu')
  const network = tf.sequential({ layers: [tf.layers.dense({ inputShape: [4], units: 3 })] })
  return new Promise((resolve) => {
    const handler = tf.io.withSaveHandler(async (artifacts) => {
      const { weightData, weightSpecs, ...topology } = artifacts
      const weightsManifest = [{ paths: ['weights.bin'], weights: weightSpecs }]
      mkdirSync(join(folder, 'model'))
      writeFileSync(join(folder, 'model/weights.bin'), Buffer.from(weightData as ArrayBuffer))
      writeFileSync(join(folder, 'model/model.json'), JSON.stringify({ ...topology, weightsManifest }))
      resolve(artifacts)
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } }
    })
    network.save(handler)
  })
}

function writeFiles(): void {
  const at = (name: string) => join(folder, name)
  writeFileSync(at('iris.csv'), 'sepal,petal,species\n5.1,1.4,0\n7.0,4.7,1\n')
  const idx = (shape: readonly number[]) => {
    const header = [0, 0, 8, shape.length, ...shape.flatMap((size) => [0, 0, 0, size])]
    const count = shape.reduce((product, size) => product * size, 1)
    return gzipSync(Buffer.from([...header, ...Array<number>(count).fill(1)]))
  }
  writeFileSync(at('t10k-images-idx3-ubyte.gz'), idx([2, 28, 28]))
  writeFileSync(at('t10k-labels-idx1-ubyte.gz'), idx([2]))
  for (const name of ['cat', 'dog']) {
    mkdirSync(at(`photos/${name}`), { recursive: true })
    const image = new PNG({ width: 4, height: 4 })
    image.data.fill(255)
    writeFileSync(at(`photos/${name}/1.png`), PNG.sync.write(image))
  }
  writeFileSync(at('model.onnx'), denseModel({ weights: [[1], [-1]] }))
  writeFileSync(
    at('iris.onnx'),
    denseModel({
      weights: [
        [1, 0, -1, 0],
        [0, 1, 1, -1],
        [-1, 0, 0, 2],
      ],
    }),
  )
  writeFileSync(at('silero_vad.onnx'), statefulModel())
  writeFileSync(at('acas.onnx'), denseModel({ weights: [[1, 1]] }))
  writeFileSync(
    at('prop_3.vnnlib'),
    '(declare-const X_0 Real)(declare-const X_1 Real)(declare-const Y_0 Real)(assert (>= X_0 0))(assert (>= Y_0 3))',
  )
}

/** One score from a piece of sound, a state and a sampling rate. */
function statefulModel(): Uint8Array {
  const builder = new GraphBuilder(18)
  const sound = builder.input('input', 'float32', ['batch', 'samples'])
  const state = builder.input('state', 'float32', [2, 'batch', 128])
  const rate = builder.add('Cast', [builder.input('sr', 'int64', [])], { to: 1 })
  const loudness = builder.add('ReduceMean', [sound, builder.ints([1])], { keepdims: 1 })
  const memory = builder.add('Unsqueeze', [
    builder.add('ReduceMean', [state, builder.ints([0, 2])], { keepdims: 0 }),
    builder.ints([1]),
  ])
  builder.output('output', builder.add('Mul', [builder.add('Add', [loudness, memory]), rate]))
  return encodeModel(builder.build())
}
