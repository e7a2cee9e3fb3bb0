import type { AttackNorm } from '../../geometry/norm.js'
import { type Room, steepestStep } from '../../geometry/steepest-step.js'
import { floatTensor } from '../../graph/builder.js'
import { largestBatch } from '../../model/predict-classes.js'
import { gramGraph } from '../../passes/jacobian-graphs.js'
import { batches, range, rowOf, takeSamples } from '../../sampling/rows.js'
import { checkDerivatives } from './check-derivatives.js'
import { innerProduct } from './jacobian.js'
import type { RegressionAttackContext } from './regression-attack.js'

export interface PowerAscent {
  readonly norm: AttackNorm
  /** Most iterations; each costs a product with J and one with Jᵀ. */
  readonly iterations: number
  /** What the domain leaves of each sample's surroundings. */
  readonly rooms: readonly Room[]
}

// The forward pass, the tangents on the way, and the gradients on the way back.
const copies = 3
// Growth of ‖Jη‖² below this is within the rounding of float32.
const leastGrowth = 1e-6

/**
 * Raises ‖Jη‖² from the perturbations given, in place, over ball and domain: η becomes the maximiser of its
 * linearisation, (JᵀJη)ᵀη', which can only raise it (the generalised power method: Journée, Nesterov, Richtárik and
 * Sepulchre, 2010). In the whole ℓ2 ball this is power iteration towards the top right-singular vector. J is never stored.
 * @returns how many iterations each sample took, or undefined when the budget ended it.
 */
export async function powerAscent(
  context: RegressionAttackContext,
  perturbations: readonly Float64Array[],
  { norm, iterations, rooms }: PowerAscent,
): Promise<Int32Array | undefined> {
  const { epsilons, budget } = context
  const taken = new Int32Array(epsilons.length)
  const values = new Float64Array(epsilons.length)
  let growing = range(epsilons.length)
  for (let iteration = 0; iteration < iterations && growing.length > 0; iteration++) {
    const next: number[] = []
    for (const samples of batches(growing, largestBatch(context.model, copies))) {
      if (!(await budget.next())) return undefined
      const products = await gramProducts(context, samples, perturbations)
      samples.forEach((sample, index) => {
        const product = rowOf(products, perturbations[sample].length, index)
        const value = innerProduct(perturbations[sample], product)
        taken[sample]++
        if (!(value > values[sample] * (1 + leastGrowth))) return
        values[sample] = value
        perturbations[sample].set(steepestStep(product, norm, epsilons[sample], rooms[sample]))
        next.push(sample)
      })
    }
    growing = next
  }
  return taken
}

async function gramProducts(
  { model, inputs }: RegressionAttackContext,
  samples: readonly number[],
  perturbations: readonly Float64Array[],
): Promise<Float32Array> {
  const graph = await model.compile('gram', () => gramGraph(model.graph))
  const { data, shape } = takeSamples(inputs, samples)
  const tangents = new Float32Array(data.length)
  samples.forEach((sample, index) => tangents.set(perturbations[sample], index * perturbations[sample].length))
  const results = await graph.run({
    [model.graph.inputs[0].name]: floatTensor(data, shape),
    tangents: floatTensor(tangents, shape),
  })
  return checkDerivatives(results.product.data as Float32Array)
}
