import { loadFixture } from '../../dist/esm/fixtures/index.js'
import * as unfooled from '../../dist/esm/src/index.js'
import { trainedNetworks } from './regions/networks.mjs'
import { printTable } from './table.mjs'

const { attack, bound, carliniWagner, deepFool, exact, lbfgs, linearRegion, loadModel } = unfooled

const count = Number(process.env.UNFOOLED_SAMPLES ?? 50)
const seed = 1
// Of the exact distance of an image, which usually takes a second or two.
const mostMilliseconds = Number(process.env.UNFOOLED_BUDGET ?? 120_000)
const methods = {
  linearRegion: linearRegion(),
  DeepFool: deepFool(),
  'L-BFGS': lbfgs(),
  CW: carliniWagner(),
}

/**
 * Croce, Hein, "A randomized gradient-free attack on ReLU networks": Table 1, on networks of the paper's sizes. As in the
 * paper, distances are divided by the exact one; images whose exact distance is not proved in time are left out.
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
    const started = process.cpuUsage()
    const known = await inOrder([...labels.keys()], async (sample) => {
      const one = { data: inputs.data.slice(sample * 784, (sample + 1) * 784), shape: [1, 1, 28, 28] }
      const { samples, interrupted } = await bound(model, exact({ norm: 'l2' }), {
        inputs: one,
        labels: [labels[sample]],
        budget: mostMilliseconds,
      })
      return { ...samples[0], isProved: samples[0].eligible && !interrupted }
    })
    const { user, system } = process.cpuUsage(started)
    const ratios = (of) =>
      of.distances
        .map((distance, sample) => distance / known[sample].radius)
        .filter((_, sample) => known[sample].isProved)
    const summary = (of) => `${mean(ratios(of)).toFixed(4)} / ${Math.max(...ratios(of)).toFixed(4)}`
    const eligible = known.filter((of) => of.eligible).length
    rows.push([
      name,
      ...Object.values(found).map(summary),
      `${ratios(found.linearRegion).filter((ratio) => ratio < 1.0005).length} of ${known.filter(({ isProved }) => isProved).length}`,
      found.linearRegion.cost.toFixed(3),
      ((user + system) / 1e6 / eligible).toFixed(2),
    ])
    await model.close()
  }
  console.log(`Distance ÷ exact distance, mean / maximum, ℓ2, ${count} images (Table 1)`)
  printTable(
    ['network', ...Object.keys(methods), 'linearRegion ≤ 1.0005', 'its CPU s per image', 'exact: CPU s per image'],
    rows,
  )
}

async function inOrder(list, visit) {
  const results = []
  for (const each of list) results.push(await visit(each))
  return results
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
