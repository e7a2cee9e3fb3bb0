import { afterAll, expect, test } from 'vitest'
import { areFloat32Sums, arithmeticProbe, checkFloat32Arithmetic } from '../../src/bounds/float32-arithmetic.js'
import { engine } from '../../src/engine/engine.js'

afterAll(() => engine.close())

const { image, kernels, left, right } = arithmeticProbe
const [channels, size, terms] = [16, 8, 144]

test('onnxruntime on the CPU sums in float32', async () => {
  await expect(checkFloat32Arithmetic()).resolves.toBeUndefined()
})

test('exact sums and float32 sums pass', () => {
  for (const round of [(value: number) => value, Math.fround]) {
    expect(areFloat32Sums(convolved(image, kernels, round), multiplied(left, right, round))).toBe(true)
  }
})

test('factors of 11 significant bits, as in TF32, are found out in the convolution and in the product', () => {
  const convolution = convolved(image.map(toTf32), kernels.map(toTf32), Math.fround)
  const product = multiplied(left.map(toTf32), right.map(toTf32), Math.fround)
  expect(areFloat32Sums(convolution, multiplied(left, right, Math.fround))).toBe(false)
  expect(areFloat32Sums(convolved(image, kernels, Math.fround), product)).toBe(false)
})

test('a Winograd convolution is found out', () => {
  expect(areFloat32Sums(winograd(), multiplied(left, right, Math.fround))).toBe(false)
})

test('missing results are found out', () => {
  expect(areFloat32Sums([], [])).toBe(false)
})

function toTf32(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer)
  bits[0] = (bits[0] + 0x1000) & 0xffffe000
  return new Float32Array(bits.buffer)[0]
}

function pixel(data: Float32Array, channel: number, row: number, column: number): number {
  const isInside = Math.min(row, column) >= 0 && Math.max(row, column) < size
  return isInside ? data[(channel * size + row) * size + column] : 0
}

function convolved(data: Float32Array, weights: Float32Array, round: (value: number) => number): number[] {
  return Array.from({ length: channels * size ** 2 }, (_, place) => {
    const [output, row, column] = [Math.floor(place / 64), Math.floor(place / 8) % 8, place % 8]
    let sum = 0
    for (let term = 0; term < terms; term++) {
      const [input, y, x] = [Math.floor(term / 9), Math.floor(term / 3) % 3, term % 3]
      sum = round(sum + round(weights[output * terms + term] * pixel(data, input, row + y - 1, column + x - 1)))
    }
    return sum
  })
}

function multiplied(one: Float32Array, other: Float32Array, round: (value: number) => number): number[] {
  return Array.from({ length: size ** 2 }, (_, place) => {
    let sum = 0
    for (let term = 0; term < terms; term++) {
      sum = round(sum + round(one[Math.floor(place / size) * terms + term] * other[term * size + (place % size)]))
    }
    return sum
  })
}

/** F(2×2, 3×3): Aᵀ((G·g·Gᵀ) ⊙ (Bᵀ·d·B))·A for tiles of 2×2 outputs, in float32. */
function winograd(): number[] {
  const b = [
    [1, 0, -1, 0],
    [0, 1, 1, 0],
    [0, -1, 1, 0],
    [0, 1, 0, -1],
  ] // prettier-ignore
  const g = [
    [1, 0, 0],
    [0.5, 0.5, 0.5],
    [0.5, -0.5, 0.5],
    [0, 0, 1],
  ] // prettier-ignore
  const a = [
    [1, 1, 1, 0],
    [0, 1, -1, -1],
  ] // prettier-ignore
  const around = (matrix: number[][], inner: number[][]) => times(times(matrix, inner), transposed(matrix))
  const result = new Array<number>(channels * size ** 2).fill(0)
  for (let output = 0; output < channels; output++) {
    for (let tile = 0; tile < 16; tile++) {
      const [row, column] = [2 * Math.floor(tile / 4), 2 * (tile % 4)]
      let sums = grid(4, () => 0)
      for (let input = 0; input < channels; input++) {
        const first = output * terms + input * 9
        const weights = around(
          g,
          grid(3, (y, x) => kernels[first + 3 * y + x]),
        )
        const data = around(
          b,
          grid(4, (y, x) => pixel(image, input, row + y - 1, column + x - 1)),
        )
        sums = grid(4, (y, x) => Math.fround(sums[y][x] + Math.fround(weights[y][x] * data[y][x])))
      }
      around(a, sums).forEach((line, y) => {
        line.forEach((value, x) => {
          result[(output * size + row + y) * size + column + x] = value
        })
      })
    }
  }
  return result
}

function grid(length: number, value: (row: number, column: number) => number): number[][] {
  return Array.from({ length }, (_, row) => Array.from({ length }, (_, column) => value(row, column)))
}

function times(one: number[][], other: number[][]): number[][] {
  return one.map((row) =>
    other[0].map((_, column) =>
      row.reduce((sum, value, index) => Math.fround(sum + Math.fround(value * other[index][column])), 0),
    ),
  )
}

function transposed(matrix: number[][]): number[][] {
  return matrix[0].map((_, column) => matrix.map((row) => row[column]))
}
