import Table from 'cli-table3'
import * as unfooled from '../../dist/esm/src/index.js'
import { lossGradientGraph } from '../../dist/esm/src/passes/gradient-graph.js'
import { attackList } from '../attack-list.mjs'
import { interleave, repeated } from './measure.mjs'
import { bareSession, feeds, modelWithBatch } from './models.mjs'

const epsilons = { linf: 0.1, l3: 0.7, l2: 1, 'l1.5': 2.5, l1: 8, l0: 20 }
const count = 100
const rounds = 3

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

/** `npm run bench:attacks [fixture]`: what every attack reaches on the same samples, and at what cost. */
export async function benchAttacks(name = 'digits_mlp') {
  const setting = await modelWithBatch(name, count)
  const { model, inputs, labels } = setting
  const bare = await bareSession(lossGradientGraph(model.graph, 'cross-entropy'))
  const batch = feeds(setting)
  console.log(
    `${name}, ${count} samples, ε ${Object.entries(epsilons)
      .map(([norm, epsilon]) => `${norm} ${epsilon}`)
      .join(
        ', ',
      )}. Distance: median of the fooled. Queries per eligible sample.\nTime: in bare forward-plus-gradient runs of the whole batch.\n`,
  )
  const table = new Table({
    head: ['attack', 'norm', 'fooled', 'distance', 'gradients', 'forwards', 'time'],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  })
  for (const { name: attackName, norms, make } of [...attackList(unfooled), ...ensembles]) {
    for (const norm of norms) {
      const method = make({ norm, epsilon: epsilons[norm], model })
      let result
      const times = await interleave(
        {
          bare: repeated(() => bare.run(batch), 20),
          attack: async () => {
            result = await unfooled.attack(model, method, { inputs, labels, seed: 1 })
          },
        },
        rounds,
      )
      const { foolingRatio, medianDistance, gradientQueries, forwardQueries, eligible } = result
      table.push([
        attackName,
        norm,
        `${(100 * foolingRatio.value).toFixed(0)} %`,
        medianDistance.toPrecision(4),
        (gradientQueries / eligible).toFixed(1),
        (forwardQueries / eligible).toFixed(1),
        (times.attack / (times.bare / 20)).toFixed(1),
      ])
    }
  }
  console.log(table.toString())
  await model.close()
}

await benchAttacks(process.argv[2])
