import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { zipSync } from 'fflate'
import { createMatchers } from '../../dist/esm/matchers/matchers.js'
import { renderJson } from '../../dist/esm/reporters/json.js'
import { createReport } from '../../dist/esm/reporters/report.js'
import { encodeEvidence } from '../../dist/esm/src/checks/encoded-evidence.js'
import { engine } from '../../dist/esm/src/engine/engine.js'
import { GraphBuilder } from '../../dist/esm/src/graph/builder.js'
import { encodeModel } from '../../dist/esm/src/graph/encode.js'
import * as unfooled from '../../dist/esm/src/index.js'
import { randomSource } from '../../dist/esm/src/sampling/random.js'

const count = 100_000
const script = fileURLToPath(import.meta.url)

/** What checks of 100 000 samples of MNIST's size (299 MiB) need, in processes of their own. */
export async function benchMemory() {
  const folder = mkdtempSync(join(tmpdir(), 'unfooled-memory-'))
  try {
    const modelPath = join(folder, 'model.onnx')
    writeFileSync(modelPath, linearModel())
    for (const [file, bytes] of Object.entries(sampleFiles())) writeFileSync(join(folder, file), bytes)
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

/** Each is made by a matcher, with its evidence in a report as JSON. */
const checks = {
  'pgd, few fooled': () => unfooled.pgd({ epsilon: 0.001, steps: 2 }),
  'fgsm, all fooled': () => unfooled.fgsm({ epsilon: 0.5 }),
}

const random = randomSource(1)
const features = 784

function linearModel() {
  const builder = new GraphBuilder(21)
  const input = builder.input('input', 'float32', ['batch', features])
  const weights = Float32Array.from({ length: features * 10 }, random.normal)
  builder.output('logits', builder.add('MatMul', [input, builder.floats(weights, [features, 10])]))
  return encodeModel(builder.build())
}

function sampleFiles() {
  const array = npy(Float32Array.from({ length: count * features }, random.uniform))
  // Stored, as numpy.savez does.
  return { 'samples.npy': array, 'samples.npz': zipSync({ 'inputs.npy': array }, { level: 0 }) }
}

function npy({ buffer }) {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${count}, ${features}), }`
  const header = Buffer.from(`\x93NUMPY\x01\x00\x00\x00${text.padEnd(117)}\n`, 'latin1')
  header.writeUInt16LE(118, 8)
  return Buffer.concat([header, Buffer.from(buffer)])
}

async function measure(modelPath, file, check) {
  const samples = await unfooled.loadSamples(file)
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
  console.log(Math.round(largestResidentSet() / 1024))
}

/** In KiB. On Linux resourceUsage() counts what the parent had when it started this process. */
function largestResidentSet() {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS
  return Number(/VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1])
}

if (process.argv[1] === script) await measure(...process.argv.slice(2))
