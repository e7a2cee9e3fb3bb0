import { attack, pgd } from '../../dist/esm/src/index.js'
import { lossGradientGraph } from '../../dist/esm/src/passes/gradient-graph.js'
import { interleave, repeated } from './measure.mjs'
import { bareSession, feeds, modelWithBatch } from './models.mjs'

const steps = 40

/** A whole attack with its checks, against as many bare runs for logits and gradient on the full batch. */
export async function benchProjectedGradientDescent() {
  console.log(`PGD-${steps}, ε 0.1, batch 100: whole attack ÷ ${steps} bare forward-plus-gradient runs (goal ≤ 1.0)`)
  for (const name of ['digits_mlp', 'digits_cnn', 'mnist_lenet', 'digits_resnet']) {
    const setting = await modelWithBatch(name, 100)
    const { model, inputs, labels } = setting
    const bare = await bareSession(lossGradientGraph(model.graph, 'cross-entropy'))
    const batch = feeds(setting)
    const tasks = { bare: repeated(() => bare.run(batch), steps) }
    for (const norm of ['linf', 'l2', 'l1']) {
      const epsilon = { linf: 0.1, l2: 1, l1: 5 }[norm]
      tasks[norm] = () => attack(model, pgd({ norm, epsilon, steps }), { inputs, labels, seed: 1 })
    }
    const times = await interleave(tasks, 9)
    const ratios = ['linf', 'l2', 'l1'].map((norm) => `${norm} ${(times[norm] / times.bare).toFixed(2)}`)
    console.log(`  ${name.padEnd(14)} ${ratios.join(', ')}; bare ${(times.bare / steps).toFixed(3)} ms per step`)
    await model.close()
  }
  console.log()
}
