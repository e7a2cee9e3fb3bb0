import { attack, bound, crown, firstSamples, fmn, loadModel, pgd, type Samples } from 'unfooled'
import { loadFixture } from 'unfooled/fixtures'
import { test } from 'vitest'

const rounds = 2

const pieces: number[] = JSON.parse(process.env.UNFOOLED_PIECES!)

test.each(pieces)('piece %i', async (piece) => {
  const { modelPath, domain, samples } = await loadFixture('mnist_lenet')
  const model = await loadModel(modelPath, { domain })
  for (let round = 0; round < rounds; round++) {
    const settings = { ...(samples as Samples), seed: rounds * piece + round }
    await attack(model, pgd({ epsilon: 0.1 }), settings)
    await attack(model, fmn({ norm: 'l2' }), settings)
    await bound(model, crown({ norm: 'linf' }), firstSamples(samples as Samples, 4))
  }
  await model.close()
})
