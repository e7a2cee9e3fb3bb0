import { expect, test } from 'vitest'
import { jest, linkedProject, readmeFiles, tsc, vitest } from './project.js'

/** A linear classifier: the closest other class of every sample is 0.1 away in ℓ∞. */
const body = `
  const network = tf.sequential({ name: 'linear', layers: [tf.layers.dense({ inputShape: [2], units: 2 })] })
  network.setWeights([tf.tensor([[1, 0], [0, 1]]), tf.tensor([0, 0])])
  const before = tf.memory().numTensors
  const model = await loadTfjsModel(network, { TF domain: [0, 1] })
  const samples = { inputs: { data: Float32Array.of(0.6, 0.4, 0.4, 0.6), shape: [2, 2] } }
  await expect(model).toResistAttack(pgd({ epsilon: 0.09, steps: 5 }), { samples })
  await expect(model).not.toResistAttack(pgd({ epsilon: 0.12, steps: 5 }), { samples })
  await expect(model).toHaveLowerBoundAbove(0.09, { samples, norm: 'linf', bound: crown({ norm: 'linf' }) })
  const functions = await fromFunctions({ predict: ({ data }) => data }, { name: 'mine', featureShape: [2], domain: [0, 1] })
  await expect(functions).not.toResistAttack(rayS({ queries: 60 }), { samples })
  await model.close()
  expect(tf.memory().numTensors).toBe(before)
`

test('Jest, and the TensorFlow.js that is found', async () => {
  const project = linkedProject({
    'jest.config.js': readmeFiles('Jest')['jest.config.js']!,
    'robustness.test.js': `
      const tf = require('@tensorflow/tfjs')
      const { crown, fromFunctions, loadTfjsModel, pgd, rayS } = require('unfooled')
      test('resists', async () => {${body.replace('TF', '')}})`,
  })
  const { code, output } = await project.run(...jest)
  expect(output).toMatch(/Tests: +1 passed/)
  expect(output).toMatch(/linear · 6 parameters · tfjs cpu/)
  expect(code).toBe(0)
})

test('Vitest, with the types of TensorFlow.js checked', async () => {
  const project = linkedProject({
    'package.json': '{ "private": true, "type": "module" }',
    'vitest.config.mts': readmeFiles('Vitest')['vitest.config.mts']!,
    'tsconfig.json': JSON.stringify({
      compilerOptions: { target: 'es2022', module: 'nodenext', strict: true, noEmit: true, types: ['node'] },
      include: ['*.test.ts'],
    }),
    'robustness.test.ts': `
      import 'unfooled/vitest'
      import * as tf from '@tensorflow/tfjs'
      import { crown, fromFunctions, loadTfjsModel, pgd, rayS } from 'unfooled'
      import { test } from 'vitest'
      test('resists', async ({ expect }) => {${body.replace('TF', 'tf,')}})`,
  })
  const { code, output } = await project.run(...vitest)
  expect(output).toMatch(/1 passed/)
  expect(code).toBe(0)
  const types = await project.run(...tsc, '--skipLibCheck')
  expect(types).toEqual({ code: 0, output: '' })
})

test('without TensorFlow.js the error says what to install', async () => {
  const project = linkedProject({
    'main.mjs': `
      import { register } from 'node:module'
      const none = "export const resolve = (name, context, next) => name.startsWith('@tensorflow/') ? Promise.reject(Object.assign(new Error(\\"Cannot find package '\\" + name + \\"'\\"), { code: 'ERR_MODULE_NOT_FOUND' })) : next(name, context)"
      register('data:text/javascript,' + encodeURIComponent(none))
      const { loadTfjsModel } = await import('unfooled')
      await loadTfjsModel('model.json', { domain: [0, 1] }).catch(({ code, message }) => console.log(code, message))`,
  })
  const { output } = await project.run('main.mjs')
  expect(output).toMatch(
    /^MODEL A TensorFlow\.js model needs TensorFlow\.js\. Run `npm install --save-dev @tensorflow\/tfjs`/,
  )
})
