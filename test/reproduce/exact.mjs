import * as unfooled from '../../dist/esm/src/index.js'
import { layerValues, logitsOf } from '../../dist/esm/src/properties/evaluate-network.js'
import { networkModel } from '../../dist/esm/src/properties/network.js'
import { randomSource } from '../../dist/esm/src/sampling/random.js'
import { attackList } from '../attack-list.mjs'
import { bounds, chainOf } from '../exact/chain.mjs'
import { distanceByMixedInteger } from '../exact/mixed-integer.mjs'
import { affineLayers, smallNetwork, wideNetwork } from '../exact/small-networks.mjs'
import { printTable } from './table.mjs'

const networks = Number(process.env.UNFOOLED_NETWORKS ?? 200)
const runs = Number(process.env.UNFOOLED_RUNS ?? 10_000)
const seed = Number(process.env.UNFOOLED_TEST_SEED ?? 1)
const samplesPerNetwork = 50
// For the exact distances of one network's samples, each way.
const mostMilliseconds = 10_000
// Every network meets one attack in so many.
const turns = 4

/**
 * The exact distance against a mixed-integer program on random small networks, and the chain certified radius ≤ exact
 * distance ≤ distance of each attack.
 */
export async function reproduceExact() {
  await compareMethods()
  await checkChain()
}

async function compareMethods() {
  const rows = []
  const kinds = /** @type {const} */ ([
    ['small', smallNetwork],
    ['wide', wideNetwork],
  ])
  const cases = kinds.flatMap(([kind, draw]) => ['linf', 'l1'].map((norm) => ({ kind, draw, norm })))
  for (const { kind, draw, norm } of cases) {
    const random = randomSource(seed)
    const counts = { networks: 0, convolutional: 0, unreachable: 0, differing: 0, largest: 0 }
    for (; counts.networks < networks; counts.networks++) {
      const { network, input } = draw(random)
      const model = await unfooled.loadModel(networkModel(network), { domain: [-1, 1] })
      const inputs = { data: input, shape: [1, ...network.inputShape] }
      const { samples } = await unfooled.bound(model, unfooled.exact({ norm }), { inputs })
      await model.close()
      const [{ label, radius }] = samples
      const layers = affineLayers(network, layerValues)
      const other = await distanceByMixedInteger({ layers, input, label, domain: [-1, 1], norm })
      if (network.inputShape.length > 1) counts.convolutional++
      const diameter = norm === 'linf' ? 2 : 2 * input.length
      if (other === Number.POSITIVE_INFINITY) counts.unreachable++
      const difference = Math.abs(radius / Math.min(other, diameter) - 1)
      counts.largest = Math.max(counts.largest, difference)
      if (!(difference <= 1e-6)) {
        counts.differing++
        console.log(`Network ${counts.networks} of seed ${seed}, ${norm}: exact ${radius}, mixed-integer ${other}`)
      }
    }
    rows.push([kind, norm, ...Object.values(counts).slice(0, 4), counts.largest.toExponential(1)])
  }
  console.log(`Exact distance and mixed-integer program, seed ${seed}`)
  printTable(
    [
      'kind',
      'norm',
      'networks',
      'convolutional',
      'without another class',
      'differ by more than 1e-6',
      'largest difference',
    ],
    rows,
  )
}

async function checkChain() {
  const tools = { ...unfooled, networkModel, logitsOf }
  const names = attackList(unfooled).map(({ name }) => name)
  const norms = /** @type {const} */ (['linf', 'l2', 'l1'])
  const breaks = []
  let [done, undecided] = [0, 0]
  for (let turn = 0; done < runs; turn++) {
    const own = 1000 * seed + turn
    const random = randomSource(own)
    const { network, input } = smallNetwork(random)
    const data = Float32Array.from({ length: samplesPerNetwork * input.length }, () => 2 * random.uniform() - 1)
    const norm = norms[turn % norms.length]
    const includes = (name) => (names.indexOf(name) + Math.floor(turn / norms.length)) % turns === 0
    const found = await chainOf({ network, data, norm, seed: own, budget: mostMilliseconds, includes }, tools)
    for (const text of found.breaks) console.log(text, JSON.stringify(network))
    breaks.push(...found.breaks)
    done += samplesPerNetwork
    if (!found.decided) undecided += samplesPerNetwork
    if (turn % 20 === 19) console.log(`${done} runs, ${breaks.length} breaks`)
  }
  console.log(`Certified radius (${bounds(unfooled, 'l2').length} bounds) ≤ exact distance ≤ distance of attacks`)
  console.log(`${undecided} runs with an interval instead of the distance, for want of time`)
  console.log(`${done} runs: ${breaks.length} breaks: ${breaks.length === 0 ? 'holds' : 'does NOT hold'}\n`)
}
