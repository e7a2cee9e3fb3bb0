import { join } from 'node:path'
import { elementCount } from '../../src/graph/graph.js'
import { loadModel } from '../../src/model/load-model.js'
import { readFloats, readJson, sharedData } from './shared-data.js'

/** A model that PyTorch has exported, its first samples, and what attacks of Python libraries reached on them. */
export async function loadTorchModel(name: string, count: number) {
  const model = await loadModel(join(sharedData, 'torch', `${name}.onnx`), { domain: [0, 1] })
  const [, ...featureShape] = readJson('torch', `${name}.json`).x.shape
  const data = readFloats('torch', `${name}_x.bin.gz`).slice(0, count * elementCount(featureShape))
  const labels = readFloats('torch', `${name}_y.bin.gz`).slice(0, count)
  const { attacks, best_known: bestKnown } = readJson('torch', `${name}_attacks.json`)
  return { model, inputs: { data, shape: [count, ...featureShape] }, labels, attacks, bestKnown }
}
