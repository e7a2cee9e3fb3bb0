import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { bound, crown, loadModel, marginBounds } from '../../dist/esm/src/index.js'
import { interleaveCpu } from './measure.mjs'
import { bareSession, feeds } from './models.mjs'

const folder = fileURLToPath(new URL('../../../shared/data/torch/', import.meta.url))
const cases = [
  { name: 'digits_mlp', norm: 'linf', epsilon: 0.03, count: 100, radius: 'linf_clip_CROWN', radii: 50, goal: 1.03 },
  { name: 'digits_mlp', norm: 'l2', epsilon: 0.1, count: 100, radius: 'l2_CROWN', radii: 50, goal: 1.12 },
  { name: 'mnist_lenet', norm: 'linf', epsilon: 0.01, count: 2, radius: 'linf_clip_CROWN', radii: 10, goal: 1.5 },
  { name: 'mnist_lenet', norm: 'linf', epsilon: 0.03, count: 2 },
  { name: 'mnist_lenet', norm: 'l2', epsilon: 0.1, count: 2, radius: 'l2_CROWN', radii: 10, goal: 2 },
]

/**
 * CROWN, without cuts and with two kinds of them, against auto_LiRPA's CROWN, of which times (in forward runs) and radii are stored. CPU time, as
 * that does not depend so much on what else the machine does; on one thread, as the reference.
 */
export async function benchBoundGoals() {
  if (!existsSync(folder)) return
  const workers = process.env.UNFOOLED_TEST_WORKERS
  process.env.UNFOOLED_TEST_WORKERS = availableParallelism()
  try {
    await compareWithReference()
  } finally {
    if (workers === undefined) delete process.env.UNFOOLED_TEST_WORKERS
    else process.env.UNFOOLED_TEST_WORKERS = workers
  }
}

async function compareWithReference() {
  console.log(
    "Against auto_LiRPA's CROWN (cost of margins in forward runs; mean radius; evaluations per radius to 1 %)",
  )
  for (const { name, norm, epsilon, count, radius, radii, goal } of cases) {
    const model = await loadModel(`${folder}${name}.onnx`, { domain: [0, 1] })
    const reference = JSON.parse(readFileSync(`${folder}${name}_bounds.json`, 'utf8'))
    const clip01 = norm === 'linf'
    const run = reference.runs.find((run) => {
      return run.method === 'CROWN' && run.norm === norm && run.eps === epsilon && run.clip01 === clip01
    })
    const { inputs, labels } = firstSamples(model, name, count)
    const { labels: _, ...batch } = feeds({ model, inputs, labels })
    const session = await bareSession(model.graph, 1)
    const methods = {
      CROWN: crown({ norm }),
      'CROWN, first-layer cut': crown({ norm, cuts: 'first layer' }),
      ...(name === 'digits_mlp' && { 'CROWN, one cut': crown({ norm, cuts: 1 }) }),
    }
    const margins = Object.entries(methods).map(([title, method]) => {
      return [title, () => marginBounds(model, method, { inputs, labels, epsilon })]
    })
    const times = await interleaveCpu(
      {
        forward: async () => {
          for (let time = 0; time < 20; time++) await session.run(batch)
        },
        ...Object.fromEntries(margins),
      },
      // The first evaluations of a process are short next to the compilation of JavaScript that goes on meanwhile.
      name === 'digits_mlp' ? 150 : 5,
    )
    console.log(`  ${name} ${norm} ${epsilon}`)
    for (const [title, method] of Object.entries(methods)) {
      const forwards = (20 * times[title]) / times.forward
      const part = forwards / run.cpu_over_forward_cpu
      console.log(`    ${title}: ${forwards.toFixed(0)} forwards, ${part.toFixed(2)} × (goal 0.3)`)
      if (!radius) continue
      const samples = firstSamples(model, name, radii)
      const mean = reference.radius[radius].mean_radius
      let evaluations = 0
      const counted = {
        ...method,
        margins(context, epsilons) {
          evaluations += epsilons.length
          return method.margins(context, epsilons)
        },
      }
      const found = await bound(model, counted, samples)
      const ratio = found.samples.reduce((sum, sample) => sum + sample.radius, 0) / radii / mean
      const perRadius = (evaluations / found.eligible).toFixed(1)
      console.log(`      radius ${ratio.toFixed(2)} × (goal ${goal}), ${perRadius} evaluations (goal 6)`)
    }
    await model.close()
  }
  console.log()
}

function firstSamples(model, name, count) {
  const floats = (file) => {
    const bytes = gunzipSync(readFileSync(`${folder}${name}_${file}.bin.gz`))
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
  }
  const size = model.domain.lower.length
  return {
    inputs: { data: floats('x').slice(0, count * size), shape: [count, ...model.featureShape] },
    labels: Int32Array.from(floats('y').slice(0, count)),
  }
}
