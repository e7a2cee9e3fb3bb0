import { loadFixture } from '../../dist/esm/fixtures/index.js'
import * as unfooled from '../../dist/esm/src/index.js'
import { printTable } from './table.mjs'

const {
  algorithm1,
  algorithm2,
  deepFool,
  epsilonSweep,
  fgsm,
  gnm,
  linearisedDistance,
  loadModel,
  pgd,
  perturbationAnalysis,
} = unfooled
const { randomNoise, relativePerturbation, smallestEpsilonAbove } = unfooled

const seed = 1
const steps = 20
// A fully connected network and a LeNet, as in the paper's MNIST half.
const settings = {
  digits_mlp: [0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.16],
  mnist_lenet: [0.05, 0.08, 0.11, 0.14, 0.17, 0.2, 0.25],
}

/** Balda, Behboodi, Mathar, "Perturbation analysis of learning algorithms": Figure 1 (a, b) and Table III. */
export async function reproduceClassifiers() {
  const robustness = []
  for (const [name, epsilons] of Object.entries(settings)) {
    const { modelPath, domain, samples } = await loadFixture(name)
    const model = await loadModel(modelPath, { domain })
    const { inputs, labels } = samples
    const request = { inputs, labels, epsilons, seed }
    const curves = {
      'Algorithm 1-T': await epsilonSweep(model, (epsilon) => algorithm1({ epsilon, steps }), request),
      PGD: await epsilonSweep(model, (epsilon) => papersPgd(epsilon), request),
      DeepFool: await epsilonSweep(model, deepFool({ norm: 'linf' }), request),
      'Algorithm 1': await epsilonSweep(model, (epsilon) => gnm({ epsilon }), request),
      'Algorithm 2': await epsilonSweep(model, (epsilon) => algorithm2({ epsilon }), request),
      FGSM: await epsilonSweep(model, (epsilon) => fgsm({ epsilon }), request),
      'PGD with larger steps': await epsilonSweep(model, (epsilon) => pgd({ epsilon, steps }), request),
      random: await epsilonSweep(model, (epsilon) => randomNoise({ epsilon, repeats: 1 }), request),
    }
    console.log(`Fooling ratio in %, ℓ∞, ${name}, ${inputs.shape[0]} samples (Figure 1)`)
    printTable(
      ['attack', ...epsilons.map((epsilon) => `ε ${epsilon}`)],
      Object.entries(curves).map(([attack, { curve }]) => [
        attack,
        ...curve.map(({ foolingRatio }) => percent(foolingRatio.value)),
      ]),
    )
    checkOrder(['Algorithm 1-T', 'PGD', 'DeepFool', 'FGSM', 'random'], curves)

    const attacked = await unfooled.attack(model, deepFool({ norm: 'linf' }), { inputs, labels, seed })
    robustness.push([
      name,
      `${percent(1 - attacked.cleanAccuracy)} %`,
      relativePerturbation(attacked, inputs).toFixed(3),
      (await linearisedDistance(model, { inputs, labels, norm: 'linf' })).mean.toFixed(3),
      smallestEpsilonAbove(0.99, curves.DeepFool).toFixed(3),
    ])
    await model.close()
  }
  console.log('Robustness, ℓ∞ (Table III)')
  printTable(['model', 'test error', 'ρ̂₁', 'ρ̂₂', 'ε with > 99 % fooled by DeepFool'], robustness)
}

/** In the paper's words: FGSM iterated, dithered by ε in the first step only. Steps of ε / T, where Madry et al. have 2.5 ε / T. */
function papersPgd(epsilon) {
  const dithering = Array.from({ length: steps }, (_, step) => (step === 0 ? 1 : 0))
  return perturbationAnalysis({ loss: 'cross-entropy', epsilon, steps, dithering })
}

/** Areas under the curves, largest first; a sample in a hundred is no difference. */
function checkOrder(names, curves) {
  const areas = names.map((name) => mean(curves[name].curve.map(({ foolingRatio }) => foolingRatio.value)))
  const holds = areas.every((area, index) => index === 0 || area <= areas[index - 1] + 0.01)
  const printed = names.map((name, index) => `${name} ${percent(areas[index])}`).join(' ≥ ')
  console.log(`Mean over ε: ${printed}: ${holds ? 'holds' : 'does NOT hold'} (within 1 %)\n`)
}

function percent(ratio) {
  return (100 * ratio).toFixed(1)
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
