import { afterAll, expect, test } from 'vitest'
import { loadFixture } from '../../fixtures/index.js'
import { engine } from '../../src/engine/engine.js'
import { loadModel } from '../../src/model/load-model.js'

afterAll(() => engine.close())

const load = async (device: string) => {
  const { modelPath, domain } = await loadFixture('iris_mlp')
  return loadModel(modelPath, { domain, device: device as 'auto' })
}

test('a device that is asked for by name is used, or refused with the reason', async () => {
  await expect(load('tpu')).rejects.toThrow(
    'The device "tpu" cannot be used: there is no device of that name. Devices are cpu, cuda, dml, coreml, webgpu, and auto, which falls back to the CPU.',
  )
  // No build of onnxruntime has both.
  const missing = process.platform === 'darwin' ? 'dml' : 'coreml'
  await expect(load(missing)).rejects.toThrow(
    `The device "${missing}" cannot be used: not part of this build of onnxruntime-node.`,
  )
})

test('auto says why it falls back to the CPU', async () => {
  const model = await load('auto')
  const { device, warnings } = model.description
  const fallback = /^No accelerator can be used, so the model runs on the CPU\. cuda: .*; webgpu: .*\.$/
  expect(warnings).toEqual(device === 'cpu' ? [expect.stringMatching(fallback)] : [])
  await model.close()
})

test('the CPU is the default, and nothing to warn of', async () => {
  const { modelPath, domain } = await loadFixture('iris_mlp')
  const model = await loadModel(modelPath, { domain })
  expect(model.description).toMatchObject({ device: 'cpu', warnings: [] })
  await model.close()
})
