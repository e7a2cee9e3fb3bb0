import { crown, deepFool, firstSamples, loadModel, pgd } from 'unfooled'
import { type FixtureName, loadFixture } from 'unfooled/fixtures'
import { describe, test } from 'vitest'

describe('mnist_lenet, trained on adversarial examples', async () => {
  const { model, samples } = await load('mnist_lenet')
  const few = firstSamples(samples, 20)

  test('resists PGD at ε = 0.1', async ({ expect }) => {
    await expect(model).toResistAttack(pgd({ norm: 'linf', epsilon: 0.1 }), { samples, maxFoolingRatio: 0.1 })
  })

  test('has adversarial examples, which DeepFool finds', async ({ expect }) => {
    await expect(model).not.toResistAttack(deepFool({ norm: 'linf' }), { samples: few, maxFoolingRatio: 0.9 })
  })

  test('no change of all pixels by up to 0.02 changes the class of nine images in ten', async ({ expect }) => {
    const bound = crown({ norm: 'linf' })
    await expect(model).toHaveLowerBoundAbove(0.02, { samples: few, norm: 'linf', bound, fraction: 0.9 })
  })
})

describe('digits_mlp, trained without any defence', async () => {
  const { model, samples } = await load('digits_mlp')

  test('does not resist PGD at ε = 0.1', async ({ expect }) => {
    await expect(model).not.toResistAttack(pgd({ norm: 'linf', epsilon: 0.1 }), { samples, maxFoolingRatio: 0.1 })
  })

  test('no attack gets below the certified radii', async ({ expect }) => {
    await expect(model).toHaveValidLowerBounds({ samples: firstSamples(samples, 50), bound: crown({ norm: 'l2' }) })
  })
})

async function load(name: FixtureName) {
  const { modelPath, samples, domain } = await loadFixture(name)
  return { model: await loadModel(modelPath, { domain }), samples }
}
