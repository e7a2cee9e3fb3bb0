import { engine } from '../../dist/esm/src/engine/engine.js'
import { attack, loadModel, pgd } from '../../dist/esm/src/index.js'
import { randomSource } from '../../dist/esm/src/sampling/random.js'
import { resnet18 } from './resnet18.mjs'

const device = process.env.UNFOOLED_DEVICE ?? 'webgpu'
const size = Number(process.env.UNFOOLED_SIZE ?? 224)
const count = Number(process.env.UNFOOLED_SAMPLES ?? 64)
const steps = 10

const inGraphs = { runs: 0, milliseconds: 0 }

/** PGD on ResNet-18, on an accelerator and on the CPU, and how much of the time is in runs of graphs. */
export async function benchDevices() {
  const random = randomSource(1)
  const shape = [count, 3, size, size]
  const inputs = { data: Float32Array.from({ length: count * 3 * size * size }, random.uniform), shape }
  const bytes = resnet18(size)
  console.log(
    `PGD-${steps} on ResNet-18 at ${size}×${size}, ${count} samples; a second run on each device, then a third`,
  )
  const times = {}
  timeRuns()
  for (const each of ['cpu', device]) {
    const model = await loadModel(bytes, { domain: [0, 1], device: each })
    const method = pgd({ epsilon: 1e-5, steps })
    for (const round of each === 'cpu' ? ['first'] : ['first', 'second', 'third']) {
      Object.assign(inGraphs, { runs: 0, milliseconds: 0 })
      const started = performance.now()
      const { fooled } = await attack(model, method, { inputs, seed: 1 })
      times[each] = performance.now() - started
      const { runs, milliseconds } = inGraphs
      const share = ((100 * milliseconds) / times[each]).toFixed(0)
      console.log(
        `  ${each}, ${round}: ${(times[each] / 1000).toFixed(2)} s, ${share} % in ${runs} runs of graphs; ${fooled} fooled`,
      )
    }
    await model.close()
  }
  console.log(`  ${device} is ${(times.cpu / times[device]).toFixed(1)} times as fast as the CPU (goal ≥ 20)\n`)
}

/** From now on: how long at least one graph runs. */
function timeRuns() {
  let running = 0
  let since = 0
  const timed =
    (run) =>
    async (...settings) => {
      if (running++ === 0) since = performance.now()
      const results = await run(...settings)
      inGraphs.runs++
      if (--running === 0) inGraphs.milliseconds += performance.now() - since
      return results
    }
  const createSession = engine.createSession.bind(engine)
  engine.createSession = async (...settings) => {
    const session = await createSession(...settings)
    return { ...session, run: timed(session.run) }
  }
  engine.iterate = timed(engine.iterate.bind(engine))
}
