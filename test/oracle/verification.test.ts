import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { attack } from '../../src/attacks/run-attack.js'
import { bound, marginBounds } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import { loadModel } from '../../src/model/load-model.js'
import { loadRegressor } from '../../src/model/load-regressor.js'
import { complete } from '../../src/verification/complete.js'
import { exact } from '../../src/verification/exact.js'
import { verifyProperty } from '../../src/verification/verify-property.js'
import { loadProperty } from '../../src/vnnlib/load-property.js'
import type { Property } from '../../src/vnnlib/property.js'
import { seed } from '../seed.js'
import { hasSharedData, sharedData } from './shared-data.js'

afterAll(() => engine.close())

/** Whether numbers of a counterexample meet a case as it was written, whatever found them. */
function isMet({ cases }: Property, met: number, input: Float32Array, output: Float32Array): boolean {
  const { lower, upper, constraints } = cases[met]
  const isInside = input.every((value, feature) => value >= lower[feature] && value <= upper[feature])
  return (
    isInside &&
    constraints.every(({ inputs, outputs, bound }) => {
      const terms = [
        ...[...inputs].map(([position, coefficient]) => coefficient * input[position]),
        ...[...outputs].map(([position, coefficient]) => coefficient * output[position]),
      ]
      return terms.reduce((sum, term) => sum + term, 0) <= bound
    })
  )
}

describe.skipIf(!hasSharedData)('verdicts of VNN-COMP', () => {
  const folder = join(sharedData, 'verified')
  const listed = hasSharedData ? readFileSync(join(folder, 'verdicts.csv'), 'utf8').trim().split('\n').slice(1) : []

  // None wrong.
  test.each([
    ['acasxu', 20],
    ['mnist_fc', 30],
  ])('%s: at least %i decided, none wrong', async (benchmark, least) => {
    let decided = 0
    for (const [, network, file, consensus] of listed
      .map((line) => line.split(','))
      .filter(([of]) => of === benchmark)) {
      const bytes = gunzipSync(readFileSync(join(folder, benchmark, `${network}.gz`)))
      const model = await loadRegressor(bytes, { domain: [-1, 1] })
      const property = await loadProperty(join(folder, benchmark, `${file}.gz`))
      const { cases, excluded, counterexample } = await verifyProperty(model, property, { seed })
      if (counterexample) {
        expect(consensus, `${network} ${file}`).toBe('sat')
        const { input, output, met } = counterexample
        expect(await model.predict({ data: input, shape: [1, ...model.featureShape] })).toEqual(output)
        expect(isMet(property, met, input, output), `${network} ${file}`).toBe(true)
        decided++
      } else if (excluded === cases) {
        expect(consensus, `${network} ${file}`).toBe('unsat')
        decided++
      }
      await model.close()
    }
    expect(decided).toBeGreaterThanOrEqual(least)
  })
})

describe.skipIf(!hasSharedData)('MIPVerify on the first 250 images', () => {
  const folder = join(sharedData, 'verified/mipverify')
  /** Rows with the number of an image, from 1 on, the verdict at ℓ∞ 0.1, and the ends of an interval for its distance, if that is known. */
  const listed = hasSharedData
    ? readFileSync(join(folder, 'WK17a_linf0.1_first250_exact.csv'), 'utf8')
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => line.split(','))
    : []

  async function loadWith(images: readonly number[]) {
    const model = await loadModel(join(folder, 'WK17a_linf0.1.onnx'), { domain: [0, 1] })
    const read = (name: string, header: number) =>
      gunzipSync(readFileSync(join(sharedData, 'datasets', name))).subarray(header)
    const pixels = read('t10k-images-idx3-ubyte.gz', 16)
    const classes = read('t10k-labels-idx1-ubyte.gz', 8)
    const data = new Float32Array(images.length * 784)
    images.forEach((image, row) => {
      for (let pixel = 0; pixel < 784; pixel++) data[row * 784 + pixel] = pixels[image * 784 + pixel] / 255
    })
    const labels = images.map((image) => classes[image])
    return { model, inputs: { data, shape: [images.length, ...model.featureShape] }, labels }
  }

  test('verdicts at ℓ∞ 0.1', async () => {
    const { model, inputs, labels } = await loadWith([...listed.keys()])
    const margins = await marginBounds(model, complete({ norm: 'linf' }), { inputs, labels, epsilon: 0.1 })
    const certified = listed.map((_, sample) =>
      margins.subarray(sample * 10, (sample + 1) * 10).every((margin, label) => label === labels[sample] || margin > 0),
    )
    expect(certified).toEqual(listed.map(([, verdict]) => verdict === 'robust_at_0.1'))
    await model.close()
  })

  test('all ℓ∞ distances that it found', async () => {
    const known = listed.filter(([, , low]) => low)
    expect(known.length).toBe(5)
    const { model, inputs, labels } = await loadWith(known.map(([image]) => Number(image) - 1))
    const method = exact({ norm: 'linf' })
    const certified = await bound(model, method, { inputs, labels })
    const fooled = await attack(model, method, { inputs, labels, seed })
    expect([certified.interrupted, fooled.interrupted, fooled.unproved]).toEqual([false, false, 0])
    known.forEach(([image, , low, high], index) => {
      const { radius } = certified.samples[index]
      expect(radius, image).toBeGreaterThan(Number(low) * (1 - 1e-6))
      expect(radius, image).toBeLessThan(Number(high) * (1 + 1e-6))
      // The input found is one that the deployed model, in float32, gives another class.
      expect(fooled.samples[index].distance!.linf, image).toBeGreaterThan(radius * (1 - 1e-6))
      expect(fooled.samples[index].distance!.linf, image).toBeLessThan(radius * (1 + 1e-4))
    })
    await model.close()
  })
})
