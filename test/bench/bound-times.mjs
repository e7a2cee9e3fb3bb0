// A process of its own, for the case whose number is its argument: prints the cost of margins in forward runs.
import { marginBounds } from '../../dist/esm/src/index.js'
import { boundCases, firstSamples, loadCase, methodsFor } from './bound-cases.mjs'
import { interleaveCpu } from './measure.mjs'
import { bareSession, feeds } from './models.mjs'

const forwardsPerRound = 20

const bounded = boundCases[process.argv[2]]
const { name, count, epsilon } = bounded
const model = await loadCase(bounded)
const { inputs, labels } = firstSamples(model, bounded, count)
const { labels: _, ...batch } = feeds({ model, inputs, labels })
const session = await bareSession(model.graph, 1)
const margins = Object.entries(methodsFor(bounded)).map(([title, method]) => [
  title,
  () => marginBounds(model, method, { inputs, labels, epsilon }),
])
const { forward, ...times } = await interleaveCpu(
  {
    forward: async () => {
      for (let time = 0; time < forwardsPerRound; time++) await session.run(batch)
    },
    ...Object.fromEntries(margins),
  },
  // The first evaluations of a process are short next to the compilation of JavaScript that goes on meanwhile.
  name === 'digits_mlp' ? 150 : 5,
)
const forwards = Object.entries(times).map(([title, time]) => [title, (forwardsPerRound * time) / forward])
console.log(JSON.stringify(Object.fromEntries(forwards)))
await model.close()
