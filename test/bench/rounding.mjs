import { alphaCrown, bound, crown, marginBounds } from '../../dist/esm/src/index.js'
import { interleaveCpu } from './measure.mjs'
import { modelWithBatch } from './models.mjs'

const name = 'mnist_lenet'
const count = 4

/** What it costs bounds to cover rounding: CPU time of the same margins, and certified radii, against `ignored`. */
export async function benchRounding() {
  console.log(`Rounding covered ÷ ignored, ${name} (CPU time of margins, goal ≤ 1.35; mean radius, goal ≥ 0.985)`)
  const { model, inputs, labels } = await modelWithBatch(name, count)
  for (const method of [crown, alphaCrown]) {
    for (const [norm, epsilon] of [
      ['linf', 0.02],
      ['l2', 0.1],
    ]) {
      const bounds = { ignored: method({ norm, rounding: 'ignored' }), covered: method({ norm }) }
      const margins = (rounding) => () => marginBounds(model, bounds[rounding], { inputs, labels, epsilon })
      const times = await interleaveCpu({ ignored: margins('ignored'), covered: margins('covered') }, 5)
      const radius = async (rounding) => {
        const { samples } = await bound(model, bounds[rounding], { inputs, labels })
        return samples.reduce((sum, sample) => sum + sample.radius, 0) / count
      }
      const radii = (await radius('covered')) / (await radius('ignored'))
      const time = (times.covered / times.ignored).toFixed(2)
      console.log(`  ${bounds.covered.name.padEnd(10)} ${norm.padEnd(4)} time ${time} ×, radius ${radii.toFixed(4)} ×`)
    }
  }
  await model.close()
  console.log()
}
