import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { loadModel } from '../../../dist/esm/src/index.js'

/** A network that train.py made. Ends with an error that says how to train it where it is missing. */
export async function largeNetwork(name, options) {
  const path = fileURLToPath(new URL(`${name}.onnx`, import.meta.url))
  if (!existsSync(path)) {
    throw new Error(
      `The network ${name} is not in the repository. Train it with PyTorch, on the MNIST test set (t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz in DATA_FOLDER), in some minutes:\n\n    python3 test/reproduce/large-networks/train.py DATA_FOLDER ${name}\n`,
    )
  }
  return loadModel(path, options)
}
