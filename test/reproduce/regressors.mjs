import { loadFixture } from '../../dist/esm/fixtures/index.js'
import * as unfooled from '../../dist/esm/src/index.js'
import { printTable } from './table.mjs'

const { attackRegressor, linear, linearPixel, loadRegressor, quadratic, quadraticPixel, randomLp, randomPixel } =
  unfooled

const count = 20
const seed = 1

const ballAttacks = (norm) => ({
  'linear-20': (epsilon) => linear({ norm, epsilon, steps: 20 }),
  'linear-1': (epsilon) => linear({ norm, epsilon, steps: 1 }),
  quadratic: (epsilon) => quadratic({ norm, epsilon }),
  random: (epsilon) => randomLp({ norm, epsilon }),
})

const panels = [
  {
    fixture: 'mnist_autoencoder',
    title: 'ℓ2 (a)',
    parameter: 'ε',
    values: [0.5, 1, 2, 3, 4],
    attacks: ballAttacks('l2'),
  },
  {
    fixture: 'mnist_autoencoder',
    title: 'ℓ∞ (b)',
    parameter: 'ε',
    values: [0.02, 0.05, 0.1, 0.15, 0.2],
    attacks: ballAttacks('linf'),
  },
  {
    fixture: 'mnist_autoencoder',
    title: 'pixels, ε 1 (c)',
    parameter: 'T',
    values: [1, 5, 20, 75],
    attacks: {
      'linear-pixel': (pixels) => linearPixel({ epsilon: 1, steps: pixels }),
      'quadratic, one pixel': () => quadraticPixel({ epsilon: 1 }),
      'random-pixel': (pixels) => randomPixel({ epsilon: 1, pixels }),
    },
  },
  {
    fixture: 'texture_colorization',
    title: 'ℓ∞ (d)',
    parameter: 'ε',
    values: [0.01, 0.02, 0.05, 0.1],
    attacks: ballAttacks('linf'),
  },
]

/** Balda, Behboodi, Mathar, "Perturbation analysis of learning algorithms": Figure 4, and Figure 5 with a small detector. */
export async function reproduceRegressors() {
  for (const { fixture, title, parameter, values, attacks } of panels) {
    const { model, samples } = await open(fixture)
    console.log(
      `Median output PSNR in dB, ${fixture}, ${title}, ${count} samples (Figure 4); lower is a stronger attack`,
    )
    const rows = []
    for (const [name, make] of Object.entries(attacks)) {
      const psnr = []
      for (const value of values) {
        const result = await attackRegressor(model, make(value), { ...samples, seed })
        psnr.push(result.medianOutputPsnr)
      }
      rows.push({ name, psnr })
    }
    printTable(
      ['attack', ...values.map((value) => `${parameter} ${value}`)],
      rows.map(({ name, psnr }) => [name, ...psnr.map((decibel) => decibel.toFixed(1))]),
    )
    const random = rows.at(-1).psnr
    for (const { name, psnr } of rows.slice(0, -1)) {
      const margins = psnr.map((decibel, index) => random[index] - decibel)
      const least = name.includes('one pixel') ? margins[0] : Math.min(...margins)
      console.log(`${name} beats random by at least ${least.toFixed(1)} dB: ${least > 0 ? 'holds' : 'does NOT hold'}`)
    }
    console.log()
    await model.close()
  }
  await detector()
}

async function detector() {
  const { model, samples } = await open('digit_detector')
  const { data, shape } = samples.targets
  // Boxes count where there is a digit, as in the training of detectors.
  const weight = (sample, index) => (index === 4 ? 1 : data[sample * shape[1] + 4])
  const loss = {
    name: 'boxes and presence',
    value: (output, sample) =>
      output.reduce(
        (sum, value, index) => sum + weight(sample, index) * (value - data[sample * shape[1] + index]) ** 2,
        0,
      ),
    gradient: (output, sample) =>
      output.map((value, index) => 2 * weight(sample, index) * (value - data[sample * shape[1] + index])),
  }
  console.log(`Detection loss, digit_detector, ℓ∞, ${count} samples (Figure 5); higher is a stronger attack`)
  const mean = (result) => result.samples.reduce((sum, { attacked }) => sum + attacked.loss, 0) / result.samples.length
  const rows = []
  for (const epsilon of [0.01, 0.02, 0.05]) {
    const run = async (method) => mean(await attackRegressor(model, method, { ...samples, loss, seed }))
    rows.push([epsilon, (await run(linear({ epsilon }))).toFixed(3), (await run(randomLp({ epsilon }))).toFixed(3)])
  }
  printTable(['ε', 'linear-20', 'random'], rows)
  await model.close()
}

async function open(name) {
  const { modelPath, domain, outputRange, samples } = await loadFixture(name)
  const { inputs, targets } = unfooled.firstSamples(samples, count)
  return { model: await loadRegressor(modelPath, { domain, outputRange }), samples: { inputs, targets } }
}
