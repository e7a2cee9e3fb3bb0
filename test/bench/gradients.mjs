import { lossGradientGraph } from '../../dist/esm/src/passes/gradient-graph.js'
import { interleave, repeated } from './measure.mjs'
import { bareSession, feeds, modelWithBatch } from './models.mjs'

const goals = { digits_mlp: 2.2, mnist_lenet: 2.2, digits_resnet: 2.4 }

/** One graph run for logits and input gradient, against one run of the model alone. */
export async function benchGradients() {
  console.log('Forward and input gradient ÷ forward, batch 100')
  for (const name of ['iris_mlp', 'digits_mlp', 'digits_cnn', 'mnist_lenet', 'digits_resnet']) {
    const setting = await modelWithBatch(name, name === 'iris_mlp' ? 50 : 100)
    const { [setting.model.graph.inputs[0].name]: input, labels } = feeds(setting)
    const key = setting.model.graph.inputs[0].name
    const forward = await bareSession(setting.model.graph)
    const gradient = await bareSession(lossGradientGraph(setting.model.graph, 'cross-entropy'))
    const times = await interleave(
      {
        forward: repeated(() => forward.run({ [key]: input }), 50),
        gradient: repeated(() => gradient.run({ [key]: input, labels }), 50),
      },
      15,
    )
    const ratio = times.gradient / times.forward
    const goal = goals[name] ? ` (goal ≤ ${goals[name]})` : ''
    console.log(`  ${name.padEnd(14)} ${ratio.toFixed(2)}${goal}; forward ${(times.forward / 50).toFixed(3)} ms`)
    await setting.model.close()
  }
  console.log()
}
