import * as unfooled from '../../dist/esm/src/index.js'
import { firstTestImages, largeNetwork } from './large-networks/load.mjs'
import { publishedAttacks } from './published-attacks.mjs'
import { printTable } from './table.mjs'

const { alma, attack, boundaryProjection, carliniWagner, deepFool, linearRegion } = unfooled

const count = Number(process.env.UNFOOLED_SAMPLES ?? 50)
// Of CW for each constant; the paper has 10 000.
const steps = Number(process.env.UNFOOLED_STEPS ?? 1000)
const only = process.env.UNFOOLED_NETWORK
const seed = 1

// Regions of wide and deep networks are small: what counts is the start. The paper looks for one class on deep networks.
const shallow = { starts: [deepFool(), alma({ steps: 1000 })] }
const deep = { starts: [boundaryProjection({ norm: 'l2' }), alma({ steps: 1000 })] }

/** Mean ratio and improvement rate in per cent, as printed. */
const networks = {
  '1x1024_plain': { printed: { CW: [1.029, 94.4], DeepFool: [1.157, 99.9] }, settings: shallow },
  '1x1024_at': { printed: { CW: [1.066, 83.3], DeepFool: [2.107, 100] }, settings: shallow },
  '5x1024_plain': { printed: { CW: [1.021, 89.3], DeepFool: [1.12, 100] }, settings: deep },
}

const own = {
  'CW, this package': carliniWagner({ steps, learningRate: 0.01, initialConstant: 0.001 }),
  'DeepFool, this package': deepFool(),
}

/**
 * Croce, Hein, "A randomized gradient-free attack on ReLU networks": Table 2 in small. Distances of other attacks are divided
 * by that of linearRegion: of the programs that the paper compares with, and of those of this package. As in the paper, images
 * for which another attack finds nothing do not count for it.
 */
export async function reproduceWide() {
  const request = firstTestImages(count)
  const rows = []
  for (const [name, { printed, settings }] of Object.entries(networks)) {
    if (only && name !== only) continue
    const model = await largeNetwork(name, { domain: [0, 1] })
    const best = await timed(() => attack(model, linearRegion(settings), { ...request, seed }))
    const eligible = [...best.result.samples.keys()].filter((index) => best.result.samples[index].eligible)
    const distancesOf = ({ samples }) => samples.map(({ distance }) => distance?.l2 ?? Number.POSITIVE_INFINITY)
    const shortest = distancesOf(best.result)
    const found = {}
    for (const [key, run] of Object.entries(publishedAttacks)) {
      found[key] = await timed(() => run(model, request, { steps }))
    }
    for (const [key, method] of Object.entries(own)) {
      found[key] = await timed(async () => distancesOf(await attack(model, method, { ...request, seed })))
    }
    for (const [key, { result, cost }] of Object.entries(found)) {
      const ratios = eligible.map((sample) => result[sample] / shortest[sample])
      const counted = ratios.filter(Number.isFinite)
      const [meanRatio, improvement] = printed[key] ?? ['', '']
      const improved = counted.filter((ratio) => ratio > 1)
      const statistics = [mean(counted), Math.min(...counted), Math.max(...counted)].map((ratio) => ratio.toFixed(4))
      const share = ((100 * improved.length) / counted.length).toFixed(1)
      const [average, least, most, improvedShare] = counted.length > 0 ? [...statistics, share] : Array(4).fill('–')
      const failed = ratios.length - counted.length
      rows.push([name, key, failed, average, meanRatio, least, most, improvedShare, improvement, cost.toFixed(2)])
    }
    const fooled = eligible.filter((sample) => Number.isFinite(shortest[sample]))
    console.log(
      `${name}: ${eligible.length} of ${count} images classified correctly; linearRegion fools ${fooled.length}, at ${mean(fooled.map((sample) => shortest[sample])).toFixed(4)} on average, in ${best.cost.toFixed(2)} CPU s per image`,
    )
    await model.close()
  }
  console.log('ℓ2 distance ÷ that of linearRegion, and for how many images that is smaller (Table 2)')
  printTable(
    ['network', 'attack', 'failed', 'mean', 'printed', 'min', 'max', 'improved %', 'printed', 'CPU s per image'],
    rows,
  )
}

async function timed(run) {
  const started = process.cpuUsage()
  const result = await run()
  const { user, system } = process.cpuUsage(started)
  return { result, cost: (user + system) / 1e6 / count }
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
