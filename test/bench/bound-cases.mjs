import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { crown, loadModel } from '../../dist/esm/src/index.js'

const folder = fileURLToPath(new URL('../../../shared/data/torch/', import.meta.url))

/** Margins of `count` samples at `epsilon` have stored times; radii of `radii` samples have a stored mean. */
export const boundCases = existsSync(folder)
  ? [
      { name: 'digits_mlp', norm: 'linf', epsilon: 0.03, count: 100, radius: 'linf_clip_CROWN', radii: 50, goal: 1.03 },
      { name: 'digits_mlp', norm: 'l2', epsilon: 0.1, count: 100, radius: 'l2_CROWN', radii: 50, goal: 1.12 },
      { name: 'mnist_lenet', norm: 'linf', epsilon: 0.01, count: 2, radius: 'linf_clip_CROWN', radii: 10, goal: 1.5 },
      { name: 'mnist_lenet', norm: 'linf', epsilon: 0.03, count: 2 },
      { name: 'mnist_lenet', norm: 'l2', epsilon: 0.1, count: 2, radius: 'l2_CROWN', radii: 10, goal: 2 },
    ]
  : []

/** The methods that are compared with auto_LiRPA's CROWN. */
export function methodsFor({ name, norm }) {
  return {
    CROWN: crown({ norm }),
    'CROWN, first-layer cut': crown({ norm, cuts: 'first layer' }),
    ...(name === 'digits_mlp' && { 'CROWN, one cut': crown({ norm, cuts: 1 }) }),
  }
}

export function loadCase({ name }) {
  return loadModel(`${folder}${name}.onnx`, { domain: [0, 1] })
}

export function referenceOf({ name }) {
  return JSON.parse(readFileSync(`${folder}${name}_bounds.json`, 'utf8'))
}

export function firstSamples(model, { name }, count) {
  const floats = (file) => {
    const bytes = gunzipSync(readFileSync(`${folder}${name}_${file}.bin.gz`))
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
  }
  const size = model.domain.lower.length
  return {
    inputs: { data: floats('x').slice(0, count * size), shape: [count, ...model.featureShape] },
    labels: Int32Array.from(floats('y').slice(0, count)),
  }
}
