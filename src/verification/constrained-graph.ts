import { SettingsError } from '../errors.js'
import { roundToward } from '../geometry/float32.js'
import { GraphBuilder } from '../graph/builder.js'
import { elementCount, featureShape, type Graph, type TypedGraph } from '../graph/graph.js'
import { ruleContext } from '../passes/context.js'
import { declareInputs, emitForward } from '../passes/forward.js'
import type { LinearConstraint } from '../vnnlib/property.js'

/**
 * The model followed by its constraints: outputs Σ inputs·x + Σ outputs·y − bound, [batch, constraints], which are at
 * most zero where a constraint holds. Coefficients are taken as they are; a bound is rounded so that the output gets
 * smaller, as float32 numbers are all that there is: where the exact value of what is here is positive, the constraint
 * does not hold.
 * @throws SettingsError for numbers that float32 cannot hold.
 */
export function constrainedGraph(model: TypedGraph, constraints: readonly LinearConstraint[]): Graph {
  const [{ name: input }] = model.inputs
  const [{ name: output }] = model.outputs
  const count = constraints.length
  const outputs = sizeOf(model, output)
  const mentionsInputs = constraints.some(({ inputs }) => inputs.size > 0)
  const width = outputs + (mentionsInputs ? sizeOf(model, input) : 0)
  const matrix = new Float64Array(width * count)
  constraints.forEach((constraint, column) => {
    for (const [index, coefficient] of constraint.outputs) matrix[index * count + column] = coefficient
    for (const [index, coefficient] of constraint.inputs) matrix[(outputs + index) * count + column] = coefficient
  })

  const builder = new GraphBuilder(model.opset)
  declareInputs(model, builder)
  const forward = emitForward(model, ruleContext(model, builder))
  const flat = (value: string) => builder.add('Flatten', [value], { axis: 1 })
  const ofModel = flat(forward.get(output)!)
  const variables = mentionsInputs ? builder.add('Concat', [ofModel, flat(input)], { axis: 1 }) : ofModel
  const offsets = constraints.map(({ bound }) => roundToward(-bound, Number.NEGATIVE_INFINITY))
  const [first, ...rest] = float32Parts(matrix).map((part) => builder.floats(part, [width, count]))
  const total = rest.reduce(
    (sum, weights) => builder.add('Add', [sum, builder.add('MatMul', [variables, weights])]),
    builder.add('Gemm', [variables, first, builder.floats(offsets)]),
  )
  builder.output('constraints', total)
  return builder.build()
}

/** A matrix as a sum of float32 matrices that is exactly it: most coefficients are float32 numbers, and then it is one. */
function float32Parts(matrix: Float64Array): Float32Array[] {
  const parts: Float32Array[] = []
  let rest = matrix
  do {
    const part = Float32Array.from(rest)
    if (!part.every(Number.isFinite)) throw new SettingsError('A coefficient of the property is too large for float32.')
    rest = rest.map((value, index) => value - part[index])
    parts.push(part)
    // A float64 number is the sum of three float32 numbers.
  } while (rest.some((value) => value !== 0) && parts.length < 3)
  return parts
}

function sizeOf({ values }: TypedGraph, name: string): number {
  return elementCount(featureShape(values.get(name)!.shape)!)
}
