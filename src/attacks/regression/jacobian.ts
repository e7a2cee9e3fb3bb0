import { SettingsError } from '../../errors.js'
import { floatTensor, intTensor } from '../../graph/builder.js'
import { elementCount } from '../../graph/graph.js'
import { largestBatch } from '../../model/predict-classes.js'
import { jvpGraph, vjpGraph } from '../../passes/jacobian-graphs.js'
import { batches, range, takeSamples } from '../../sampling/rows.js'
import { checkDerivatives } from './check-derivatives.js'
import type { RegressionAttackContext } from './regression-attack.js'

/** Derivatives of all outputs with respect to each feature of one sample: the columns of its Jacobian. */
export type Columns = readonly Float32Array[]

// A gigabyte of float32.
const mostEntries = 2 ** 28
// The forward pass, and the products on their way through.
const copies = 2

/** Products with the Jacobian, or its transpose, that it takes to know all of it. */
export function jacobianCost({ model }: Pick<RegressionAttackContext, 'model'>): number {
  return Math.min(model.domain.lower.length, elementCount(model.outputShape))
}

/**
 * The Jacobian of one sample, column by column: by products with the unit vectors of the inputs or of the outputs,
 * whichever are fewer, many at a time after one forward pass. Undefined when the budget ended it.
 * @throws SettingsError when the Jacobian does not fit into memory, ModelError when it is not finite.
 */
export async function jacobianColumns(context: RegressionAttackContext, sample: number): Promise<Columns | undefined> {
  const { model, inputs, budget } = context
  const [features, outputs] = [model.domain.lower.length, elementCount(model.outputShape)]
  if (features * outputs > mostEntries) {
    throw new SettingsError(
      `The Jacobian has ${outputs} × ${features} entries, which is too much to store. Use linear(), or quadratic() in l2.`,
    )
  }
  const byColumn = features <= outputs
  const graph = await (byColumn
    ? model.compile('jvp rows', () => jvpGraph(model.graph, 'rows'))
    : model.compile('vjp rows', () => vjpGraph(model.graph, 'rows')))
  const [factors, shape] = byColumn ? ['tangents', model.featureShape] : ['cotangents', model.outputShape]
  const columns = range(features).map(() => new Float32Array(outputs))
  const point = takeSamples(inputs, [sample])
  for (const part of batches(range(jacobianCost(context)), largestBatch(model, copies))) {
    if (!(await budget.next())) return undefined
    const units = new Float32Array(part.length * elementCount(shape))
    part.forEach((position, row) => {
      units[row * elementCount(shape) + position] = 1
    })
    const { product } = await graph.run({
      [model.graph.inputs[0].name]: floatTensor(point.data, point.shape),
      sampleOfRow: intTensor(new Int32Array(part.length)),
      [factors]: floatTensor(units, [part.length, ...shape]),
    })
    const rows = checkDerivatives(product.data as Float32Array)
    part.forEach((position, row) => {
      if (byColumn) columns[position].set(rows.subarray(row * outputs, (row + 1) * outputs))
      else
        for (let feature = 0; feature < features; feature++) columns[feature][position] = rows[row * features + feature]
    })
  }
  return columns
}

export function innerProduct(left: ArrayLike<number>, right: ArrayLike<number>): number {
  let sum = 0
  for (let index = 0; index < left.length; index++) sum += left[index] * right[index]
  return sum
}
