import { compileGraph } from '../engine/compiled-graph.js'
import type { Device } from '../engine/device.js'
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
 * @returns the largest difference relative to the largest output, and what the derived graph gave.
 * @throws ModelError when the two disagree, or when an output is not finite.
 */
export async function checkFidelity(
  file: ModelFile,
  output: string,
  { softmax, fixedBatch }: PreparedGraph,
  graph: TypedGraph,
  device: Device,
): Promise<{ fidelity: number; outputs: Float32Array }> {
  const [input] = graph.inputs
  const shape = [fixedBatch ?? probes, ...(input.shape!.slice(1) as number[])]
  const random = randomSource(0)
  const feed = {
    type: 'float32' as const,
    shape,
    data: Float32Array.from({ length: elementCount(shape) }, random.uniform),
  }
  const original = await engine.createSession(file.source, { device })
  const derived = await compileGraph(graph, fixedBatch === 1, device)
  let expected: Float32Array
  let outputs: Float32Array
  try {
    const results = await original.run({ [file.graph.inputs[0].name]: feed }, { fetches: [output] })
    expected = results[output].data as Float32Array
    outputs = Object.values(await derived.run({ [input.name]: feed }))[0].data as Float32Array
  } finally {
    await original.release()
    await derived.release()
  }
  const actual = softmax ? applySoftmax(outputs, outputs.length / shape[0], softmax) : outputs
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
  return { fidelity, outputs }
}

/** Rows of probabilities, or of their logarithms. */
export function applySoftmax(logits: Float32Array, classes: number, kind: 'Softmax' | 'LogSoftmax'): Float32Array {
  return logits.map((_, index) => {
    const start = index - (index % classes)
    const row = logits.subarray(start, start + classes)
    const largest = Math.max(...row)
    const logSum = Math.log(row.reduce((sum, value) => sum + Math.exp(value - largest), 0))
    const logProbability = logits[index] - largest - logSum
    return kind === 'Softmax' ? Math.exp(logProbability) : logProbability
  })
}
