import { addScaled } from '../../solvers/add-scaled.js'
import { dot } from '../../solvers/dot.js'
import { solveInPlace } from '../../solvers/linear-system.js'

/**
 * For each list of sides of some faces, the unit direction that leads to them all, as evenly as it can: a sum of the
 * normals. Sides that no direction leads to are left out.
 */
export function directionsTo(normals: readonly Float64Array[], sides: readonly Float64Array[]): Float64Array[] {
  const size = normals.length
  const products = new Float64Array(size * size)
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) products[i * size + j] = products[j * size + i] = dot(normals[i], normals[j])
    products[i * size + i] += 1e-9
  }
  return sides.flatMap((wanted) => {
    const weights = wanted.slice()
    if (!solveInPlace(products.slice(), weights, size)) return []
    const square = dot(weights, wanted)
    if (!(square > 0)) return []
    const direction = new Float64Array(normals[0].length)
    normals.forEach((normal, face) => {
      addScaled(direction, normal, weights[face] / Math.sqrt(square))
    })
    return [direction]
  })
}
