import onnxruntime from 'onnxruntime-node'
import { loadFixture } from '../../dist/esm/fixtures/index.js'
import { encodeModel } from '../../dist/esm/src/graph/encode.js'
import { loadModel } from '../../dist/esm/src/model/load-model.js'

/** A fixture's model with a batch of its samples. */
export async function modelWithBatch(name, count) {
  const { modelPath, domain, samples } = await loadFixture(name)
  const model = await loadModel(modelPath, { domain })
  const { data, shape } = samples.inputs
  const size = data.length / shape[0]
  return {
    model,
    inputs: { data: data.slice(0, count * size), shape: [count, ...shape.slice(1)] },
    labels: samples.labels.slice(0, count),
  }
}

/** A bare session in this thread, without the package's engine; on as many threads as there are cores unless told. */
export async function bareSession(graph, threads = 0) {
  const options = { intraOpNumThreads: threads, extra: { session: { intra_op: { allow_spinning: '0' } } } }
  return onnxruntime.InferenceSession.create(encodeModel(graph), options)
}

/** The feeds of forward and loss-gradient graphs, as tensors of the runtime. */
export function feeds({ model, inputs, labels }) {
  return {
    [model.graph.inputs[0].name]: new onnxruntime.Tensor('float32', inputs.data, inputs.shape),
    labels: new onnxruntime.Tensor('int64', BigInt64Array.from(labels, BigInt), [labels.length]),
  }
}
