import { loadFixture } from '../../dist/esm/fixtures/index.js'
import * as unfooled from '../../dist/esm/src/index.js'
import { trainedNetworks } from './regions/networks.mjs'
import { printTable } from './table.mjs'

const { alma, attack, carliniWagner, deepFool, lbfgs, linearRegion, loadModel } = unfooled

const count = Number(process.env.UNFOOLED_SAMPLES ?? 50)
const seed = 1
// Starts from all others and looks around several times as long: the distance that all are compared with.
const yardstick = linearRegion({ starts: [deepFool(), alma({ steps: 1000 })], kicks: 200 })
const methods = {
  linearRegion: linearRegion({ starts: [deepFool(), alma()] }),
  'from DeepFool': linearRegion(),
  DeepFool: deepFool(),
  'L-BFGS': lbfgs(),
  CW: carliniWagner(),
  ALMA: alma(),
}

/**
 * Croce, Hein, "A randomized gradient-free attack on ReLU networks": Table 1, on networks of the paper's sizes. The paper
 * divides by the exact distance of a mixed-integer program; here it is the smallest that any attack found, so that a ratio
 * of 1 does not prove an optimum.
 */
export async function reproduceRegions() {
  const { samples } = await loadFixture('mnist_lenet')
  const inputs = { data: samples.inputs.data.slice(0, count * 784), shape: [count, 1, 28, 28] }
  const labels = samples.labels.slice(0, count)
  const rows = []
  for (const { name, bytes } of trainedNetworks()) {
    const model = await loadModel(bytes, { domain: [0, 1] })
    const distancesOf = async (method) => {
      const started = process.cpuUsage()
      const result = await attack(model, method, { inputs, labels, seed })
      const { user, system } = process.cpuUsage(started)
      const distances = result.samples.map(({ distance }) => distance?.l2 ?? Number.POSITIVE_INFINITY)
      return {
        distances,
        eligible: result.samples.map(({ eligible }) => eligible),
        cost: (user + system) / 1e6 / result.eligible,
      }
    }
    const found = Object.fromEntries(
      await inOrder(Object.entries(methods), async ([key, of]) => [key, await distancesOf(of)]),
    )
    const { distances, eligible } = await distancesOf(yardstick)
    const all = [distances, ...Object.values(found).map((of) => of.distances)]
    const least = distances.map((_, sample) => Math.min(...all.map((of) => of[sample])))
    const ratios = (of) =>
      of.distances.map((distance, sample) => distance / least[sample]).filter((_, sample) => eligible[sample])
    const summary = (of) => `${mean(ratios(of)).toFixed(4)} / ${Math.max(...ratios(of)).toFixed(4)}`
    const optimal = ratios(found.linearRegion).filter((ratio) => ratio < 1.0005).length
    rows.push([
      name,
      ...Object.values(found).map(summary),
      `${optimal} of ${ratios(found.linearRegion).length}`,
      found.linearRegion.cost.toFixed(3),
    ])
    await model.close()
  }
  console.log(`Distance ÷ smallest found by any attack, mean / maximum, ℓ2, ${count} images (Table 1)`)
  printTable(['network', ...Object.keys(methods), 'linearRegion ≤ 1.0005', 'CPU s per image'], rows)
}

async function inOrder(list, visit) {
  const results = []
  for (const each of list) results.push(await visit(each))
  return results
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
