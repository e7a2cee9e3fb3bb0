import type { Classifier } from '../../src/model/classifier.js'
import { range } from '../../src/sampling/rows.js'

/** The matrix of a model that is linear, row by row: what it makes of the unit vectors. */
export async function matrixOf(model: Classifier): Promise<number[][]> {
  const width = model.domain.lower.length
  const data = new Float32Array((width + 1) * width)
  for (const row of range(width)) data[row * width + row] = 1
  const outputs = await model.predict({ data, shape: [width + 1, ...model.featureShape] })
  const { classes } = model
  return range(classes).map((row) =>
    range(width).map((column) => outputs[column * classes + row] - outputs[width * classes + row]),
  )
}

/** Largest singular value: Jacobi rotations of the Gram matrix until it is diagonal. */
export function largestSingularValue(matrix: readonly (readonly number[])[]): number {
  const tall =
    matrix.length < matrix[0].length ? matrix : range(matrix[0].length).map((at) => matrix.map((row) => row[at]))
  const gram = tall.map((left) => tall.map((right) => left.reduce((sum, value, at) => sum + value * right[at], 0)))
  const size = gram.length
  for (let sweep = 0; sweep < 30; sweep++) {
    let rest = 0
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) {
        rest += gram[p][q] ** 2
        if (Math.abs(gram[p][q]) < 1e-300) continue
        const theta = (gram[q][q] - gram[p][p]) / (2 * gram[p][q])
        const tangent = Math.sign(theta || 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1))
        const cosine = 1 / Math.sqrt(tangent * tangent + 1)
        const sine = tangent * cosine
        for (let k = 0; k < size; k++) {
          const [left, right] = [gram[k][p], gram[k][q]]
          gram[k][p] = cosine * left - sine * right
          gram[k][q] = sine * left + cosine * right
        }
        for (let k = 0; k < size; k++) {
          const [left, right] = [gram[p][k], gram[q][k]]
          gram[p][k] = cosine * left - sine * right
          gram[q][k] = sine * left + cosine * right
        }
      }
    }
    if (rest < 1e-26) break
  }
  return Math.sqrt(gram.reduce((most, row, at) => Math.max(most, row[at]), 0))
}
