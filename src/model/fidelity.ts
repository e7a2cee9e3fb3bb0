import { compileGraph } from '../engine/compiled-graph.js'
import { engine } from '../engine/engine.js'
import { ModelError } from '../errors.js'
import { elementCount, type TypedGraph } from '../graph/graph.js'
import { randomSource } from '../sampling/random.js'
import type { PreparedGraph } from './prepare-graph.js'
import type { ModelFile } from './read-model.js'

// Sums in another order differ by far less than this; a misread operator differs by more.
const tolerance = 1e-4
const probes = 3

/**
 * Runs the untouched file and the graph that was made from it on the same random inputs.
 * @returns the largest difference relative to the largest output, and warnings about what the outputs look like.
 * @throws ModelError when the two disagree, or when an output is not finite.
 */
export async function checkFidelity(
  file: ModelFile,
  output: string,
  { softmax, fixedBatch }: PreparedGraph,
  graph: TypedGraph,
): Promise<{ fidelity: number; warnings: string[] }> {
  const [input] = graph.inputs
  const shape = [fixedBatch ?? probes, ...(input.shape!.slice(1) as number[])]
  const random = randomSource(0)
  const feed = {
    type: 'float32' as const,
    shape,
    data: Float32Array.from({ length: elementCount(shape) }, random.uniform),
  }
  const original = await engine.createSession(file.source)
  const derived = await compileGraph(graph, fixedBatch === 1)
  let expected: Float32Array
  let logits: Float32Array
  try {
    expected = (await original.run({ [file.graph.inputs[0].name]: feed }))[output].data as Float32Array
    logits = Object.values(await derived.run({ [input.name]: feed }))[0].data as Float32Array
  } finally {
    await original.release()
    await derived.release()
  }
  const classes = logits.length / shape[0]
  const actual = softmax ? applySoftmax(logits, classes, softmax) : logits
  const scale = expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), Number.MIN_VALUE)
  const fidelity = actual.reduce(
    (largest, value, index) => Math.max(largest, Math.abs(value - expected[index]) / scale),
    0,
  )
  if (!actual.every(Number.isFinite))
    throw new ModelError(
      'The model gives outputs that are not finite (NaN or Infinity) on random inputs: its weights are damaged.',
    )
  if (!(fidelity <= tolerance)) {
    throw new ModelError(
      `The graph read from the file disagrees with onnxruntime's run of the untouched file by ${fidelity} (relative). Please report this model.`,
    )
  }
  return { fidelity, warnings: areProbabilities(logits, classes) ? [probabilityWarning] : [] }
}

const probabilityWarning =
  'The output looks like probabilities, not logits: gradients vanish where the model is confident, and attacks look weaker than they are. Export the model without its final activation.'

function areProbabilities(outputs: Float32Array, classes: number): boolean {
  for (let start = 0; start < outputs.length; start += classes) {
    const row = outputs.subarray(start, start + classes)
    const sum = row.reduce((total, value) => total + value, 0)
    if (Math.abs(sum - 1) > 1e-3 || row.some((value) => value < 0 || value > 1)) return false
  }
  return true
}

function applySoftmax(logits: Float32Array, classes: number, kind: 'Softmax' | 'LogSoftmax'): Float32Array {
  return logits.map((_, index) => {
    const start = index - (index % classes)
    const row = logits.subarray(start, start + classes)
    const largest = Math.max(...row)
    const logSum = Math.log(row.reduce((sum, value) => sum + Math.exp(value - largest), 0))
    const logProbability = logits[index] - largest - logSum
    return kind === 'Softmax' ? Math.exp(logProbability) : logProbability
  })
}
