import { afterAll, expect, test } from 'vitest'
import { engine } from '../../src/engine/engine.js'
import { roundingOf } from '../../src/operators/rounding.js'
import { randomSource } from '../../src/sampling/random.js'
import { seed } from '../seed.js'
import { graphOf } from '../tiny-models.js'

afterAll(() => engine.close())

const functions = {
  Sigmoid: (x: number) => 1 / (1 + Math.exp(-x)),
  Tanh: Math.tanh,
}

test.each(['Sigmoid', 'Tanh'] as const)(
  "onnxruntime's float32 %s errs by less than a quarter of the allowance",
  async (kernel) => {
    const session = await engine.createSession(graphOf([1], (builder, input) => builder.add(kernel, [input])))
    const inputs = denseInputs()
    const { logits } = await session.run({ input: { type: 'float32', shape: [inputs.length, 1], data: inputs } })
    await session.release()
    const worst = (logits.data as Float32Array).reduce(
      (most, output, index) => Math.max(most, Math.abs(output - functions[kernel](inputs[index]))),
      0,
    )
    expect(worst).toBeLessThan(roundingOf('covered').kernelError(kernel) / 4)
    // The documentation quotes the order of magnitude.
    expect(worst).toBeGreaterThan(1e-8)
  },
)

/** An even grid where the functions bend, and every magnitude that float32 has. */
function denseInputs(): Float32Array {
  const random = randomSource(seed)
  const count = 2 ** 20
  return Float32Array.from({ length: 2 * count }, (_, index) => {
    if (index < count) return -25 + (50 * index) / count
    return (random.uniform() < 0.5 ? -1 : 1) * 2 ** (random.uniform() * 277 - 149)
  })
}
