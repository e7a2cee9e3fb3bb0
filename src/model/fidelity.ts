import { compileGraph, runOneAtATime } from '../engine/compiled-graph.js'
import type { Device } from '../engine/device.js'
import { engine, type Feeds } from '../engine/engine.js'
import { ModelError } from '../errors.js'
import type { Domain } from '../geometry/domain.js'
import { floatTensor } from '../graph/builder.js'
import type { Tensor, TypedGraph } from '../graph/graph.js'
import type { PreparedGraph } from './prepare-graph.js'
import { type Preprocessing, preprocess } from './preprocessing.js'
import { probes } from './probes.js'
import type { ModelFile } from './read-model.js'
import { hasSteps } from './straight-through.js'

// Sums in another order differ by far less than this; a misread operator differs by more.
const tolerance = 1e-4
const count = 3

/** The graph that was read computes something else than its file. */
export class MisreadError extends ModelError {}

/**
 * Runs the untouched file and the graphs that were made from it on the same random inputs: of the domain or, where the file
 * overflows there, as it may in a domain that is meant to have no bounds, of [0, 1].
 * @returns the largest differences of both graphs relative to the largest output, and what the deployed one gave.
 * @throws MisreadError when they disagree, ModelError when an output is not finite.
 */
export async function checkFidelity(
  file: ModelFile,
  output: string,
  { input, fixedInputs, softmax, fixedBatch, oneAtATime }: PreparedGraph & { readonly oneAtATime: boolean },
  { deployed, analysed }: { deployed: TypedGraph; analysed: TypedGraph },
  { domain, preprocessing, device }: { domain: Domain; preprocessing: Preprocessing | undefined; device: Device },
): Promise<{ fidelity: number; analysedFidelity: number; outputs: Float32Array }> {
  const features = deployed.inputs[0].shape!.slice(1) as number[]
  // A sample by itself, unless the file insists on more: what others do to it in a batch would be seen.
  const together = fixedBatch ?? 1
  const samples = together === 1 ? count : together
  const unit = { lower: domain.lower.map(() => 0), upper: domain.upper.map(() => 1) }
  const feedFrom = (box: Domain): Tensor => {
    const inputs = probes(box, features, samples)
    const { data, shape } = preprocessing ? preprocess(inputs, preprocessing) : inputs
    return floatTensor(data, shape)
  }
  let feed = feedFrom(domain)
  const runFile = () =>
    runOriginal(file, { ...Object.fromEntries(fixedInputs), [input]: feed }, { input, output, together, device })
  let expected = await runFile()
  if (!expected.every(Number.isFinite)) {
    feed = feedFrom(unit)
    expected = await runFile()
  }
  const { shape } = feed
  const scale = expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), Number.MIN_VALUE)
  const compare = async (graph: TypedGraph, accepted: number, alone = oneAtATime) => {
    const outputs = await runGraph(graph, alone, feed, device)
    const actual = softmax ? applySoftmax(outputs, outputs.length / shape[0], softmax) : outputs
    const difference = actual.reduce(
      (largest, value, index) => Math.max(largest, Math.abs(value - expected[index]) / scale),
      0,
    )
    if (!actual.every(Number.isFinite))
      throw new ModelError(
        'The model gives outputs that are not finite (NaN or Infinity) on random inputs of its domain and of [0, 1]: the domain is not what the model takes, or its weights are damaged.',
      )
    if (!(difference <= accepted)) {
      throw new MisreadError(
        `The graph read from the file disagrees with onnxruntime's run of the untouched file by ${difference} (relative). Please report this model.`,
      )
    }
    return { fidelity: difference, outputs }
  }
  const { fidelity, outputs } = await compare(deployed, tolerance)
  // Another batch may move a rounded value by a whole step.
  if (together > 1 && !hasSteps(analysed)) {
    await compare(deployed, tolerance, true).catch((cause) => {
      throw new ModelError(
        `The model is fixed to batches of ${together}, and what it gives for a sample depends on the others of its batch. Export it with a batch of 1.`,
        { cause },
      )
    })
  }
  if (analysed === deployed) return { fidelity, outputs, analysedFidelity: fidelity }
  // Integer kernels may saturate, and another order of sums may move a value by a whole step.
  const accepted = hasSteps(analysed) ? Number.POSITIVE_INFINITY : tolerance
  return { fidelity, outputs, analysedFidelity: (await compare(analysed, accepted)).fidelity }
}

async function runOriginal(
  file: ModelFile,
  feeds: Feeds,
  {
    input,
    output,
    together,
    device,
  }: { readonly input: string; readonly output: string; readonly together: number; readonly device: Device },
): Promise<Float32Array> {
  const session = await engine.createSession(file.source, { device })
  const run = (some: Feeds) => session.run(some, { fetches: [output] })
  try {
    const results = await (together === 1 ? runOneAtATime({ run }, feeds, [input]) : run(feeds))
    return results[output].data as Float32Array
  } finally {
    await session.release()
  }
}

async function runGraph(graph: TypedGraph, oneAtATime: boolean, feed: Tensor, device: Device): Promise<Float32Array> {
  const compiled = await compileGraph(graph, oneAtATime, device)
  try {
    return Object.values(await compiled.run({ [graph.inputs[0].name]: feed }))[0].data as Float32Array
  } finally {
    await compiled.release()
  }
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
