import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { zipSync } from 'fflate'
import { loadFixture } from '../../dist/esm/fixtures/index.js'
import { createMatchers } from '../../dist/esm/matchers/matchers.js'
import { renderJson } from '../../dist/esm/reporters/json.js'
import { createReport } from '../../dist/esm/reporters/report.js'
import { engine } from '../../dist/esm/src/engine/engine.js'
import { encodeEvidence } from '../../dist/esm/src/evidence.js'
import * as unfooled from '../../dist/esm/src/index.js'

const count = 100_000
const script = fileURLToPath(import.meta.url)

/** What checks of 100 000 samples of MNIST's size (299 MiB) need, in processes of their own. */
export async function benchMemory() {
  const folder = mkdtempSync(join(tmpdir(), 'unfooled-memory-'))
  try {
    const { modelPath, samples } = await loadFixture('mnist_lenet')
    for (const [file, bytes] of Object.entries(sampleFiles(samples))) writeFileSync(join(folder, file), bytes)
    console.log(`Largest resident set of a process, ${count} samples of 784 numbers, in MiB (goal: below 1024)`)
    for (const file of ['samples.npy', 'samples.npz']) {
      for (const check of ['loaded', ...Object.keys(checks)]) {
        const args = [script, modelPath, join(folder, file), check]
        const megabytes = execFileSync(process.execPath, args, {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'inherit'],
        })
        console.log(`  ${file}  ${check.padEnd(24)}${megabytes.trim().padStart(6)}`)
      }
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Fooled or not, checked by a matcher, with evidence and a report as JSON. */
const checks = {
  'pgd, few fooled': () => unfooled.pgd({ epsilon: 0.05, steps: 2 }),
  'fgsm, nearly all fooled': () => unfooled.fgsm({ epsilon: 0.5 }),
}

function sampleFiles({ inputs, labels }) {
  const size = inputs.data.length / labels.length
  const data = new Float32Array(count * size)
  for (let start = 0; start < data.length; start += inputs.data.length) {
    data.set(inputs.data.subarray(0, data.length - start), start)
  }
  const repeated = Int32Array.from({ length: count }, (_, sample) => labels[sample % labels.length])
  const arrays = {
    'inputs.npy': npy('<f4', [count, ...inputs.shape.slice(1)], data),
    'labels.npy': npy('<i4', [count], repeated),
  }
  // Stored, as numpy.savez does.
  return {
    'samples.npy': arrays['inputs.npy'],
    'labels.npy': arrays['labels.npy'],
    'samples.npz': zipSync(arrays, { level: 0 }),
  }
}

function npy(dtype, shape, { buffer }) {
  const text = `{'descr': '${dtype}', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`
  const header = Buffer.from(`\x93NUMPY\x01\x00\x00\x00${text.padEnd(117)}\n`, 'latin1')
  header.writeUInt16LE(118, 8)
  return Buffer.concat([header, Buffer.from(buffer)])
}

async function measure(modelPath, file, check) {
  const labels = file.endsWith('.npy') ? { labels: file.replace('samples.npy', 'labels.npy') } : {}
  const samples = await unfooled.loadSamples(file, labels)
  if (check !== 'loaded') {
    const model = await unfooled.loadModel(modelPath, { domain: [0, 1] })
    const place = { testFile: undefined, test: undefined, update: 'none' }
    const recorded = []
    const { toResistAttack } = createMatchers(() => ({
      budget: {},
      baselines: place,
      record: (found) => recorded.push(found),
    }))
    await toResistAttack.call({ isNot: false }, model, checks[check](), { samples, maxFoolingRatio: 1, seed: 1 })
    const record = { file: 'a.test.js', test: 'a test', evidence: encodeEvidence(recorded[0]) }
    const report = renderJson(createReport([record], true))
    if (JSON.parse(report).models[0].checks[0].samples !== count) throw new Error('Samples are missing in the report')
    await model.close()
    await engine.close()
  }
  console.log(Math.round(process.resourceUsage().maxRSS / 1024))
}

if (process.argv[1] === script) await measure(...process.argv.slice(2))
