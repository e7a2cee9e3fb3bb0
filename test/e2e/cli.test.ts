import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encode } from 'fast-png'
import { expect, test } from 'vitest'
import { jest, linkedProject, vitest } from './project.js'

const { bin } = JSON.parse(readFileSync('package.json', 'utf8'))
const unfooled = join('node_modules/unfooled', bin.unfooled)

// With a day of time, which attack it takes as the strongest does not depend on how fast the machine is.
test('audits a model without a test file, and the process ends by itself', async () => {
  const project = linkedProject({})
  const options = ['--count', '2', '--epsilon', '0.05', '--max-fooling-ratio', '0.2', '--budget', '86400']
  const { code, output } = await project.run(unfooled, 'audit', 'model.onnx', 'test-images.npz', ...options)
  expect(output).toMatch(/unfooled: 8 checks of 1 model, none failed/)
  expect(output).toMatch(/Report: unfooled-report\/report\.json\nReport: unfooled-report\/report\.html\n$/)
  expect(code).toBe(0)
  expect(project.report().checks).toHaveLength(8)
  expect(existsSync(join(project.folder, 'unfooled-report/report.html'))).toBe(true)
})

test('bad input is exit code 2, without a stack trace', async () => {
  const { code, output } = await linkedProject({}).run(unfooled, 'audit', 'model.onnx', 'nowhere.npz')
  expect({ code, output }).toEqual({
    code: 2,
    output: expect.stringMatching(/^unfooled audit: \/.*nowhere\.npz: cannot be read: .*\n$/),
  })
})

test('a reader that goes away, as head does, is no error', async () => {
  const script = `
    const { spawn } = require('node:child_process')
    const child = spawn(process.execPath, [${JSON.stringify(unfooled)}, '--help'])
    child.stdout.destroy()
    child.stderr.pipe(process.stderr)
    child.on('close', (code) => (process.exitCode = code))`
  expect(await linkedProject({}).run('-e', script)).toEqual({ code: 0, output: '' })
})

test.each([
  ['vitest', vitest],
  ['jest', jest],
])('what init writes for %s runs', async (runner, command) => {
  const project = linkedProject({})
  expect((await project.run(unfooled, 'init', '--runner', runner)).code).toBe(0)
  const { code, output } = await project.run(...command)
  expect(output).toMatch(/1 check of 1 model, none failed/)
  expect(code).toBe(0)
})

test('Jest reads images, whose decoder is an ES module', async () => {
  const project = linkedProject({
    'jest.config.js': `module.exports = { testTimeout: 30_000 }`,
    'images.test.js': `
      const { loadSamples } = require('unfooled')
      test('images', async () => {
        const { inputs, labels } = await loadSamples('images')
        expect([...inputs.data, ...inputs.shape, ...labels]).toEqual([0, 1, 1, 1, 1, 2, 0])
      })`,
  })
  mkdirSync(join(project.folder, 'images/0'), { recursive: true })
  const image = encode({ width: 2, height: 1, channels: 1, data: Uint8Array.of(0, 255) })
  writeFileSync(join(project.folder, 'images/0/a.png'), image)
  const { code, output } = await project.run(...jest)
  expect({ code, output }).toMatchObject({ code: 0 })
})
