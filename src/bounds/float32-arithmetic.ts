import { engine } from '../engine/engine.js'
import { EngineError } from '../errors.js'
import { GraphBuilder } from '../graph/builder.js'
import type { Graph } from '../graph/graph.js'
import { foldedRoundings } from '../operators/coefficient.js'
import { roundingOf } from '../operators/rounding.js'
import { randomSource } from '../sampling/random.js'

const channels = 16
const size = 8
const kernel = 3
const terms = channels * kernel * kernel
/**
 * The first weight. It meets zeros in every other row of outputs, and has no part in these; but where a convolution
 * works on tiles (Winograd), it is added and taken away again.
 */
const hugeWeight = 2 ** 20

/** One convolution and one matrix product, with numbers of 24 significant bits. */
export interface ArithmeticProbe {
  /** [channels, size, size], padded by zeros all around. */
  readonly image: Float32Array
  /** [channels, channels, kernel, kernel]. */
  readonly kernels: Float32Array
  /** [size, terms] and [terms, size]. */
  readonly left: Float32Array
  readonly right: Float32Array
}

export const arithmeticProbe = makeProbe()

let checked: Promise<void> | undefined

/**
 * Tries out whether onnxruntime sums products as docs/rounding.md assumes, once per process.
 * @throws EngineError where it does not: TF32, float16, bfloat16 and Winograd convolutions lose more than float32 does,
 * and no certificate holds there.
 */
export function checkFloat32Arithmetic(): Promise<void> {
  checked ??= tryOut()
  return checked
}

async function tryOut(): Promise<void> {
  const session = await engine.createSession(probeGraph(arithmeticProbe))
  const { image, left } = arithmeticProbe
  const results = await session.run({
    image: { type: 'float32', shape: [1, channels, size, size], data: image },
    left: { type: 'float32', shape: [size, terms], data: left },
  })
  await session.release()
  const [convolution, product] = [results.convolution, results.product].map(({ data }) => data as Float32Array)
  if (areFloat32Sums(convolution, product)) return
  throw new EngineError(
    'onnxruntime computes a convolution or a matrix product less precisely than float32 on this machine (TF32, float16 or a Winograd convolution, perhaps), so that no bound would be a proof. Use a CPU build of it, or bounds with rounding: "ignored", which are estimates.',
  )
}

/** Whether the results of the probe are as near to the exact ones as float32 sums in any order are. */
export function areFloat32Sums(convolution: ArrayLike<number>, product: ArrayLike<number>): boolean {
  const { image, kernels, left, right } = arithmeticProbe
  const isNear = (actual: number, products: readonly number[]) => {
    const exact = products.reduce((sum, term) => sum + term, 0)
    const magnitude = products.reduce((sum, term) => sum + Math.abs(term), 0)
    return Math.abs(actual - exact) <= roundingOf('covered').gamma(terms + foldedRoundings) * magnitude
  }
  for (let place = 0; place < convolution.length; place++) {
    const [output, row, column] = [Math.floor(place / size ** 2), Math.floor(place / size) % size, place % size]
    const products = Array.from({ length: terms }, (_, term) => {
      const [input, y, x] = [Math.floor(term / kernel ** 2), Math.floor(term / kernel) % kernel, term % kernel]
      const [imageRow, imageColumn] = [row + y - 1, column + x - 1]
      const isInside = Math.min(imageRow, imageColumn) >= 0 && Math.max(imageRow, imageColumn) < size
      return isInside ? kernels[output * terms + term] * image[(input * size + imageRow) * size + imageColumn] : 0
    })
    if (!isNear(convolution[place], products)) return false
  }
  for (let place = 0; place < product.length; place++) {
    const [row, column] = [Math.floor(place / size), place % size]
    const products = Array.from({ length: terms }, (_, term) => left[row * terms + term] * right[term * size + column])
    if (!isNear(product[place], products)) return false
  }
  return convolution.length === channels * size ** 2 && product.length === size ** 2
}

function probeGraph({ kernels, right }: ArithmeticProbe): Graph {
  const builder = new GraphBuilder(18)
  const image = builder.input('image', 'float32', [1, channels, size, size])
  const left = builder.input('left', 'float32', [size, terms])
  const weights = builder.floats(kernels, [channels, channels, kernel, kernel])
  builder.output('convolution', builder.add('Conv', [image, weights], { pads: [1, 1, 1, 1] }))
  builder.output('product', builder.add('MatMul', [left, builder.floats(right, [terms, size])]))
  return builder.build()
}

function makeProbe(): ArithmeticProbe {
  const random = randomSource(1)
  const numbers = (count: number) => Float32Array.from({ length: count }, () => random.normal())
  const [image, kernels, left, right] = [channels * size ** 2, channels * terms, size * terms, size * terms].map(
    numbers,
  )
  kernels[0] = hugeWeight
  for (let row = 1; row < size; row += 2) image.fill(0, row * size, (row + 1) * size)
  return { image, kernels, left, right }
}
