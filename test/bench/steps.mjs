import onnxruntime from 'onnxruntime-node'
import { GraphBuilder } from '../../dist/esm/src/graph/builder.js'
import { apgd, attack, carliniWagner, ddn, deepFool, fmn, pgd } from '../../dist/esm/src/index.js'
import { ruleContext } from '../../dist/esm/src/passes/context.js'
import { declareInputs, emitForward } from '../../dist/esm/src/passes/forward.js'
import { lossGradientGraph } from '../../dist/esm/src/passes/gradient-graph.js'
import { emitClassPairs, emitMargins } from '../../dist/esm/src/passes/margins.js'
import { interleaveBoth, repeated } from './measure.mjs'
import { bareSession, feeds, modelWithBatch } from './models.mjs'

const count = 100
const bareRuns = 20

// Binary search of Carlini-Wagner takes this many runs of its steps.
const searches = 3
const attacks = {
  'PGD linf': { goal: 1.1, steps: 40, method: pgd({ epsilon: 0.1, steps: 40 }) },
  'APGD linf': { goal: 1.15, steps: 100, method: apgd({ epsilon: 0.1 }) },
  'APGD l2': { goal: 1.15, steps: 100, method: apgd({ norm: 'l2', epsilon: 1 }) },
  DDN: { goal: 1.2, steps: 100, method: ddn() },
  'FMN l2': { goal: 1.2, steps: 100, method: fmn({ norm: 'l2' }) },
  'FMN linf': { goal: 1.2, steps: 100, method: fmn({ norm: 'linf' }) },
  'Carlini-Wagner': {
    goal: 1.25,
    steps: 100 * searches,
    method: carliniWagner({ binarySearchSteps: searches, steps: 100, abortEarly: false }),
  },
}

/**
 * Whole attacks with their checks, against as many bare runs for logits and gradient on the full batch. The goals are for the
 * time that all threads work; on the wall clock, which follows in brackets, a machine that others use as well counts too.
 */
export async function benchSteps() {
  const name = 'mnist_lenet'
  console.log(
    `Whole attack ÷ as many bare forward-plus-gradient runs, CPU time (wall clock in brackets), ${name}, batch ${count}`,
  )
  const setting = await modelWithBatch(name, count)
  const { model, inputs, labels } = setting
  const bare = await bareSession(lossGradientGraph(model.graph, 'cross-entropy'))
  const batch = feeds(setting)
  for (const [attackName, { goal, steps, method }] of Object.entries(attacks)) {
    let result
    const times = await interleaveBoth(
      {
        bare: repeated(() => bare.run(batch), bareRuns),
        attack: async () => {
          result = await attack(model, method, { inputs, labels, seed: 1 })
        },
      },
      7,
    )
    const ratio = ratios(times, steps / bareRuns)
    const taken = result.gradientQueries / (result.eligible * steps)
    console.log(
      `  ${attackName.padEnd(15)} ${ratio}, goal ≤ ${goal}; ${(100 * taken).toFixed(0)} % of the gradient queries of a full batch`,
    )
  }
  await benchDeepFool(setting)
  console.log()
  await model.close()
}

/** DeepFool takes the gradients of all candidate classes in one pass. */
async function benchDeepFool({ model, inputs, labels }) {
  const bare = await bareSession(allClassGradients(model.graph))
  const rivals = Array.from(labels).flatMap((label) =>
    Array.from({ length: model.classes }, (_, other) => other).filter((other) => other !== label),
  )
  const { Tensor } = onnxruntime
  const batch = {
    [model.graph.inputs[0].name]: new Tensor('float32', inputs.data, inputs.shape),
    labels: new Tensor('int64', BigInt64Array.from(labels, BigInt), [count]),
    rivals: new Tensor('int64', BigInt64Array.from(rivals, BigInt), [count, model.classes - 1]),
  }
  let result
  const times = await interleaveBoth(
    {
      bare: repeated(() => bare.run(batch), 3),
      attack: async () => {
        result = await attack(model, deepFool({ norm: 'l2' }), { inputs, labels, seed: 1 })
      },
    },
    7,
  )
  // Samples leave as they are fooled: the floor is what those that are left cost.
  const steps = result.gradientQueries / result.eligible
  const ratio = ratios(times, steps / 3)
  console.log(
    `  ${'DeepFool'.padEnd(15)} ${ratio}, goal ≤ 1.3 × (forward and all-class gradients per step); ${steps.toFixed(1)} steps per sample`,
  )
}

/** Time of an attack against that of its bare runs, of which there would be `factor` times as many. */
function ratios({ attack, bare }, factor) {
  const [cpu, wall] = ['cpu', 'wall'].map((clock) => (attack[clock] / (bare[clock] * factor)).toFixed(2))
  return `${cpu} (${wall})`
}

function allClassGradients(graph) {
  const builder = new GraphBuilder(graph.opset)
  declareInputs(graph, builder)
  const labels = builder.input('labels', 'int64', ['batch'])
  const rivals = builder.input('rivals', 'int64', ['batch', 'rivals'])
  const forward = emitForward(graph, ruleContext(graph, builder))
  const { margins, gradients } = emitMargins(graph, builder, forward, emitClassPairs(graph, builder, labels, rivals))
  builder.output('margins', margins)
  builder.output('gradients', gradients)
  return builder.build()
}
