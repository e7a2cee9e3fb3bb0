import * as unfooled from '../../dist/esm/src/index.js'
import { lossGradientGraph } from '../../dist/esm/src/passes/gradient-graph.js'
import { attackList } from '../attack-list.mjs'
import { cpuTime, interleaveCpu, repeated } from './measure.mjs'
import { bareSession, feeds, modelWithBatch } from './models.mjs'

const epsilons = { linf: 0.1, l3: 0.7, l2: 1, 'l1.5': 2.5, l1: 8, l0: 20 }
const count = 100
const rounds = 3
// Milliseconds; what takes longer runs once.
const longest = 10_000

// Too slow for the tests, which run every attack of the list on every kind of model.
const ensembles = [
  {
    name: 'autoAttack',
    norms: ['linf', 'l2'],
    make: ({ norm, epsilon }) => unfooled.autoAttack({ norm, epsilon }),
  },
  {
    name: 'firstSuccess of apgd, apgdTargeted and square',
    norms: ['linf', 'l2'],
    make: ({ norm, epsilon }) =>
      unfooled.firstSuccess([
        unfooled.apgd({ norm, epsilon }),
        unfooled.apgdTargeted({ norm, epsilon }),
        unfooled.square({ norm, epsilon, queries: 1000 }),
      ]),
  },
]

/**
 * `npm run bench:attacks [fixture]`: what every attack reaches on the same samples, and at what cost, as a Markdown table. On
 * two cores it takes minutes, most of them for linearRegion.
 */
export async function benchAttacks(name = 'digits_mlp') {
  const setting = await modelWithBatch(name, count)
  const { model, inputs, labels } = setting
  const bare = await bareSession(lossGradientGraph(model.graph, 'cross-entropy'))
  const batch = feeds(setting)
  const radii = Object.entries(epsilons).map(([norm, epsilon]) => `${norm} ${epsilon}`)
  console.log(
    `${name}, ${count} samples, ε ${radii.join(', ')}. Distance: median of the fooled. Queries per eligible sample.`,
  )
  console.log('Time: CPU time of all threads, in bare forward-plus-gradient runs of the whole batch.\n')
  const row = (cells) => console.log(`| ${cells.join(' | ')} |`)
  row(['attack', 'norm', 'fooled', 'distance', 'gradients', 'forwards', 'time'])
  row(['---', '---', '---:', '---:', '---:', '---:', '---:'])
  // Each of a convolution's regions takes seconds: linearRegion is for networks of some hundred units.
  const isConvolutional = model.graph.nodes.some(({ operator }) => operator === 'Conv')
  const listed = attackList(unfooled).filter((each) => !(isConvolutional && each.name === 'linearRegion'))
  for (const { name: attackName, norms, make } of [...listed, ...ensembles]) {
    for (const norm of norms) {
      const method = make({ norm, epsilon: epsilons[norm], model })
      let result
      const tasks = {
        bare: repeated(() => bare.run(batch), 20),
        attack: async () => {
          result = await unfooled.attack(model, method, { inputs, labels, seed: 1 })
        },
      }
      let times = { attack: await cpuTime(tasks.attack), bare: await cpuTime(tasks.bare) }
      if (times.attack < longest) times = await interleaveCpu(tasks, rounds)
      const { foolingRatio, medianDistance, gradientQueries, forwardQueries, eligible } = result
      row([
        attackName,
        norm,
        `${(100 * foolingRatio.value).toFixed(0)} %`,
        Number.isNaN(medianDistance) ? '–' : medianDistance.toPrecision(4),
        (gradientQueries / eligible).toFixed(1),
        (forwardQueries / eligible).toFixed(1),
        (times.attack / (times.bare / 20)).toFixed(1),
      ])
    }
  }
  await model.close()
}

await benchAttacks(process.argv[2])
