import { alphaCrown } from '../../dist/esm/src/bounds/alpha-crown.js'
import { bound, crown, marginBounds } from '../../dist/esm/src/index.js'
import { interleave } from './measure.mjs'
import { bareSession, feeds, modelWithBatch } from './models.mjs'

/** Certified radii to 1 % and margins at one radius, per sample. */
export async function benchBounds() {
  console.log('CROWN and α-CROWN per sample (milliseconds; in forward runs per sample)')
  for (const [name, count] of [
    ['iris_mlp', 50],
    ['digits_mlp', 100],
    ['digits_cnn', 20],
    ['digits_resnet', 10],
    ['mnist_lenet', 4],
  ]) {
    const setting = await modelWithBatch(name, count)
    const { model, inputs, labels } = setting
    const forward = await bareSession(model.graph)
    const { labels: _, ...batch } = feeds(setting)
    for (const norm of ['linf', 'l2']) {
      const epsilon = norm === 'linf' ? 0.02 : 0.1
      const times = await interleave(
        {
          forward: () => forward.run(batch),
          margins: () => marginBounds(model, crown({ norm }), { inputs, labels, epsilon }),
          radius: () => bound(model, crown({ norm }), { inputs, labels }),
          optimised: () => marginBounds(model, alphaCrown({ norm }), { inputs, labels, epsilon }),
        },
        3,
      )
      const cost = (task) =>
        `${(times[task] / count).toFixed(2)} ms (${Math.round(times[task] / times.forward)} forwards)`
      const parts = [`radius ${cost('radius')}`, `margins ${cost('margins')}`, `of alphaCrown ${cost('optimised')}`]
      console.log(`  ${name.padEnd(14)} ${norm.padEnd(4)} ${parts.join(', ')}`)
    }
    await model.close()
  }
  console.log()
}
