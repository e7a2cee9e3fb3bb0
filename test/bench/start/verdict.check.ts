import { loadModel, pgd } from 'unfooled'
import { loadFixture } from 'unfooled/fixtures'
import { test } from 'vitest'
import 'unfooled/vitest'

test('one verdict', async ({ expect }) => {
  const { modelPath, domain, samples } = await loadFixture('digits_mlp')
  const model = await loadModel(modelPath, { domain })
  await expect(model).toResistAttack(pgd({ epsilon: 0.02 }), { samples, maxFoolingRatio: 0.2 })
})
