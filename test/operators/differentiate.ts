import { engine } from '../../src/engine/engine.js'
import { GraphBuilder, type Precision } from '../../src/graph/builder.js'
import { elementCount, type Tensor } from '../../src/graph/graph.js'
import { inferTypes } from '../../src/model/infer-types.js'
import { renameValues } from '../../src/model/prepare-graph.js'
import { ruleContext } from '../../src/passes/context.js'
import { derivativeContext } from '../../src/passes/derivative-context.js'
import { declareInputs, emitForward } from '../../src/passes/forward.js'
import { emitGradient } from '../../src/passes/gradient.js'
import { emitTangent } from '../../src/passes/jvp.js'

export interface Point {
  /** Shape of the one sample. */
  readonly features: readonly number[]
  readonly input: readonly number[]
  build(builder: GraphBuilder, input: string): string
  readonly opset?: number
}

export interface PointDerivatives {
  readonly output: number[]
  /** Of the sum of the output, or of its product with 1, 2, 3 … when `ranked`. */
  readonly gradient: number[]
  /** Along the direction of ones, or along 1, 2, 3 … when `ranked`. */
  readonly tangent: number[]
}

/** Runs the forward pass, vjp and jvp of one operator at one chosen point. */
export async function differentiate(
  { features, input, build, opset = 18 }: Point,
  precision: Precision,
  { ranked = false } = {},
): Promise<PointDerivatives> {
  const model = new GraphBuilder(opset)
  model.output('output', build(model, model.input('input', 'float32', ['batch', ...features])))
  const graph = await inferTypes(renameValues(model.build()))
  const [inputName, outputName] = [graph.inputs[0].name, graph.outputs[0].name]
  const outputShape = graph.values.get(outputName)!.shape.slice(1) as number[]

  const builder = new GraphBuilder(opset, precision)
  declareInputs(graph, builder)
  const forward = emitForward(graph, ruleContext(graph, builder))
  const context = derivativeContext(graph, builder, forward)
  const seed = builder.input('seed', precision, ['batch', ...outputShape])
  const direction = builder.input('direction', precision, ['batch', ...features])
  builder.output('value', forward.get(outputName)!)
  builder.output('gradient', emitGradient(graph, new Map([[outputName, seed]]), context))
  builder.output('tangent', emitTangent(graph, direction, context).get(outputName)!)

  const session = await engine.createSession(builder.build())
  try {
    const along = (shape: readonly number[]) =>
      tensor(
        precision,
        shape,
        Array.from({ length: elementCount(shape) }, (_, index) => (ranked ? index + 1 : 1)),
      )
    const results = await session.run({
      [inputName]: tensor(precision, features, input),
      seed: along(outputShape),
      direction: along(features),
    })
    const numbers = (name: string) => Array.from(results[name].data as Float64Array)
    return { output: numbers('value'), gradient: numbers('gradient'), tangent: numbers('tangent') }
  } finally {
    await session.release()
  }
}

function tensor(type: Precision, shape: readonly number[], data: readonly number[]): Tensor {
  const array = type === 'float32' ? Float32Array.from(data) : Float64Array.from(data)
  return { type, shape: [1, ...shape], data: array }
}
