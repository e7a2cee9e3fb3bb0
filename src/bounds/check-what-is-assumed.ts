import type { Model } from '../model/model.js'
import { noBoundRule } from '../operators/refuse.js'
import { checkFloat32Arithmetic } from './float32-arithmetic.js'

/**
 * A proof is about models, and machines, whose rounding errors are known: what a bound knows of the parts of an operator is
 * none about a kernel that rounds otherwise.
 * @throws UnsupportedOperatorError when the model has such an operator, EngineError when onnxruntime is less precise than
 * float32.
 */
export async function checkWhatIsAssumed({ graph }: Pick<Model, 'graph'>): Promise<void> {
  const part = graph.nodes.find(({ partOf }) => partOf !== undefined)?.partOf
  if (part) throw noBoundRule(part)
  await checkFloat32Arithmetic()
}
