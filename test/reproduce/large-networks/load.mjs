import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { loadModel } from '../../../dist/esm/src/index.js'

/** A network that train.py made. Ends with an error that says how to train it where it is missing. */
export async function largeNetwork(name, options) {
  return loadModel(trained(`${name}.onnx`, name), options)
}

/** The first images of MNIST's test set, with their labels. */
export function firstTestImages(count) {
  const { pixels, labels } = JSON.parse(readFileSync(trained('mnist-test.json', '1x1024_plain'), 'utf8'))
  const data = Float32Array.from(pixels.slice(0, count * 784), (pixel) => pixel / 255)
  return { inputs: { data, shape: [count, 1, 28, 28] }, labels: labels.slice(0, count) }
}

function trained(file, name) {
  const path = fileURLToPath(new URL(file, import.meta.url))
  if (existsSync(path)) return path
  throw new Error(
    `${file} is not in the repository. Train the network with PyTorch; train.py says what DATA_FOLDER holds and where to get it:\n\n    python3 test/reproduce/large-networks/train.py DATA_FOLDER ${name}\n`,
  )
}
