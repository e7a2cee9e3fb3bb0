import { afterAll, describe, expect, test } from 'vitest'
import { Refinement } from '../../src/bounds/refinement.js'
import { startBudget } from '../../src/budget.js'
import { engine } from '../../src/engine/engine.js'
import { displacementToHyperplane } from '../../src/geometry/hyperplane.js'
import { encodeModel } from '../../src/graph/encode.js'
import { loadModel } from '../../src/model/load-model.js'
import { randomSource } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import { BallProgram } from '../../src/verification/ball-program.js'
import { logitsInFloat64 } from '../../src/verification/margin-functions.js'
import { openUnitsOf } from '../../src/verification/open-units.js'
import { seed } from '../seed.js'
import { graphOf } from '../tiny-models.js'

afterAll(() => engine.close())

/** Units of all kinds, a convolution with padding, a branch around units, and units that two operators share an input of. */
function network() {
  const random = randomSource(seed)
  return encodeModel(
    graphOf([1, 4, 4], (builder, input) => {
      const weights = (shape: number[]) => {
        const count = shape.reduce((product, side) => product * side, 1)
        const scale = 1 / Math.sqrt(count / shape[0])
        return builder.floats(
          range(count).map(() => 2 * scale * random.normal()),
          shape,
        )
      }
      const first = builder.add('Conv', [input, weights([2, 1, 3, 3]), weights([2])], { pads: [1, 1, 1, 1] })
      const slopes = builder.floats([0.25, 0.5], [2, 1, 1])
      const both = builder.add('Add', [builder.add('Relu', [first]), builder.add('PRelu', [first, slopes])])
      const second = builder.add('Conv', [both, weights([2, 2, 3, 3]), weights([2])], { pads: [1, 1, 1, 1] })
      const around = builder.add('Add', [builder.add('LeakyRelu', [second]), first])
      const flat = builder.add('Flatten', [builder.add('Relu', [around])])
      return builder.add('Gemm', [flat, weights([3, 32]), weights([3])], { transB: 1 })
    }),
  )
}

async function programOf(norm: 'linf' | 'l1', radius: number) {
  const random = randomSource(seed)
  const model = await loadModel(network(), { domain: [-1, 1] })
  const data = Float32Array.from({ length: 16 }, () => 1.8 * random.uniform() - 0.9)
  const inputs = { data, shape: [1, ...model.featureShape] }
  const settings = { norm, domain: 'intersect', rounding: 'ignored', precision: 'float64' } as const
  const budget = startBudget()
  const refinement = Refinement.around(model, inputs, [radius], settings, budget)
  await refinement.refine()
  const sample = Float64Array.from(data)
  const room = { lower: sample.map((value) => -1 - value), upper: sample.map((value) => 1 - value) }
  const [logits] = await logitsInFloat64(model, [sample])
  const label = logits.indexOf(Math.max(...logits))
  const rivals = range(3).filter((other) => other !== label)
  const open = await openUnitsOf(model, refinement.bounds, sample, label)
  const program = new BallProgram(norm, open, room, budget)
  /** A displacement of the ball. */
  const draw = () => {
    const towards = displacementToHyperplane(
      norm,
      sample,
      { normal: sample.map(() => random.normal()), offset: 100 },
      {
        lower: sample.map((value) => Math.max(value - radius, -1)),
        upper: sample.map((value) => Math.min(value + radius, 1)),
      },
    ).map((step) => step * random.uniform())
    const length = norm === 'linf' ? 0 : towards.reduce((sum, step) => sum + Math.abs(step), 0)
    return towards.map((step) => step * Math.min(1, radius / Math.max(length, 1e-300)))
  }
  return { model, sample, label, rivals, program, draw }
}

describe.each(['linf', 'l1'] as const)('%s', (norm) => {
  const radius = norm === 'linf' ? 0.3 : 3

  test('open units and margins are those of the model in float64', async () => {
    const { model, sample, label, rivals, program, draw } = await programOf(norm, radius)
    expect(program.units.length).toBeGreaterThan(10)
    const steps = range(50).map(draw)
    const logits = await logitsInFloat64(
      model,
      steps.map((d) => d.map((step, feature) => sample[feature] + step)),
    )
    steps.forEach((d, index) => {
      const { inputs, margins } = program.at(d)
      inputs.forEach((input, unit) => {
        expect(input).toBeGreaterThan(program.units[unit].lower - 1e-12)
        expect(input).toBeLessThan(program.units[unit].upper + 1e-12)
      })
      margins.forEach((margin, rival) => {
        expect(Math.abs(margin - (logits[index][label] - logits[index][rivals[rival]]))).toBeLessThan(1e-12)
      })
    })
    await model.close()
  })

  test('no displacement of a part is nearer than its distance', async () => {
    const { model, program, draw } = await programOf(norm, radius)
    const steps = range(2000)
      .map(draw)
      .map((d) => ({ d, ...program.at(d) }))
    const lengthOf = (d: Float64Array) =>
      norm === 'linf' ? Math.max(...d.map(Math.abs)) : d.reduce((sum, step) => sum + Math.abs(step), 0)
    const random = randomSource(seed)
    let met = 0
    for (const fixed of [0, 0, 1, 1, 2, 3, 4]) {
      const sides = program.units.map((): 'on' | 'off' | 'either' => 'either')
      for (const _ of range(fixed)) {
        sides[Math.floor(random.uniform() * sides.length)] = random.uniform() < 0.5 ? 'on' : 'off'
      }
      for (const rival of [0, 1]) {
        const { distance } = await program.view(rival, sides, radius)
        for (const { d, inputs, margins } of steps) {
          const isInside = sides.every((side, unit) => side === 'either' || (side === 'on') === inputs[unit] > 0)
          if (!isInside || margins[rival] > 0) continue
          met++
          expect(lengthOf(d)).toBeGreaterThanOrEqual(distance)
        }
      }
    }
    expect(met).toBeGreaterThan(20)
    await model.close()
  })

  test('the nearest displacement of a linear region is in it and adversarial, and nothing nearer is', async () => {
    const { model, program, draw } = await programOf(norm, radius)
    let found = 0
    for (const { d, ...here } of range(60)
      .map(draw)
      .map((d) => ({ d, ...program.at(d) }))) {
      if (!(here.margins[0] <= 0)) continue
      const sides = Array.from(here.inputs, (input) => (input > 0 ? 'on' : 'off') as 'on' | 'off')
      const { d: nearest } = (await program.nearest(0, sides, radius))!
      const { inputs, margins } = program.at(nearest)
      expect(margins[0]).toBeLessThan(1e-7)
      sides.forEach((side, unit) => expect(side === 'on' ? inputs[unit] : -inputs[unit]).toBeGreaterThan(-1e-7))
      const lengthOf = (of: Float64Array) =>
        norm === 'linf' ? Math.max(...of.map(Math.abs)) : of.reduce((sum, step) => sum + Math.abs(step), 0)
      expect(lengthOf(nearest)).toBeLessThanOrEqual(lengthOf(d) * (1 + 1e-9))
      const nearer = lengthOf(nearest) * (1 - 1e-7)
      expect((await program.view(0, sides, nearer)).distance).toBeGreaterThanOrEqual(nearer)
      found++
    }
    expect(found).toBeGreaterThan(3)
    await model.close()
  })
})
