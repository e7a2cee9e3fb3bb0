import { ModelError } from '../../errors.js'
import type { Tfjs, TfjsLibrary } from './tfjs.js'

interface Flavour {
  readonly name: string
  load(): Promise<TfjsLibrary>
}

/** Flavours of TensorFlow.js, the fastest first. */
const flavours: readonly Flavour[] = [
  whole('@tensorflow/tfjs-node-gpu'),
  whole('@tensorflow/tfjs-node'),
  backend('wasm'),
  backend('webgpu'),
  whole('@tensorflow/tfjs'),
]

function whole(name: string): Flavour {
  return { name, load: () => importModule(name) }
}

/** Backends of their own go with the package that has the models. */
function backend(kind: 'wasm' | 'webgpu'): Flavour {
  const name = `@tensorflow/tfjs-backend-${kind}`
  return {
    name,
    async load() {
      await importModule(name)
      const tf = await importModule('@tensorflow/tfjs')
      if (!(await tf.setBackend(kind))) throw new Error(`the backend ${kind} does not start on this machine`)
      return tf
    },
  }
}

/**
 * The TensorFlow.js to run a model on: the given one, or the first of those installed, from `@tensorflow/tfjs-node-gpu`
 * and `-node` over the backends for WebAssembly and WebGPU to plain `@tensorflow/tfjs`. It is loaded only when asked for.
 * @throws ModelError when there is none; it says what to install.
 */
export async function findTfjs(given: Tfjs | undefined): Promise<TfjsLibrary> {
  const failures: string[] = []
  if (given) {
    await given.ready()
    return given as TfjsLibrary
  }
  for (const { name, load } of flavours) {
    try {
      const tf = await load()
      await tf.ready()
      return tf
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException
      const isMissing = /MODULE_NOT_FOUND$/.test(code ?? '') && message.includes(`'${name}'`)
      if (!isMissing) failures.push(`${name}: ${message.split('\n')[0]}`)
    }
  }
  throw new ModelError(
    [
      'A TensorFlow.js model needs TensorFlow.js. Run `npm install --save-dev @tensorflow/tfjs`, which runs anywhere;',
      '@tensorflow/tfjs-node is faster, but downloads libtensorflow when it is installed and does not work on Node 23 or later;',
      '@tensorflow/tfjs-backend-wasm, besides @tensorflow/tfjs, needs no download.',
      ...failures.map((failure) => `Installed, but not usable: ${failure}.`),
    ].join(' '),
  )
}

async function importModule(name: string): Promise<TfjsLibrary> {
  const found = await import(name)
  // CommonJS packages are whole only as the default export.
  return found.default?.ready ? found.default : found
}
