import { readFile, realpath } from 'node:fs/promises'
import { dirname, resolve, sep } from 'node:path'
import { ModelError } from '../../errors.js'

/** A model.json with the files of its weights. */
export interface StoredModel {
  readonly format: 'layers-model' | 'graph-model'
  /** For `tf.io.fromMemory`. */
  readonly artifacts: object
}

interface ModelJson {
  readonly format?: string
  readonly modelTopology?: { readonly node?: unknown }
  readonly weightsManifest?: readonly { readonly paths: readonly string[]; readonly weights: readonly object[] }[]
}

/**
 * Reads a TensorFlow.js model from disk, which TensorFlow.js itself can do only with tfjs-node. Weights are read from the
 * folder of the model only.
 * @throws ModelError when it is no such model, or a file is missing.
 */
export async function readArtifacts(path: string): Promise<StoredModel> {
  const file = resolve(path)
  const { weightsManifest = [], ...json } = parse(await read(file, 'The model file'), file)
  const isGraph = json.format === 'graph-model' || json.modelTopology?.node !== undefined
  const folder = dirname(await realpath(file))
  const parts: Buffer[] = []
  for (const name of weightsManifest.flatMap(({ paths }) => paths)) parts.push(await readWeights(folder, name))
  const weights = Buffer.concat(parts)
  return {
    format: isGraph ? 'graph-model' : 'layers-model',
    artifacts: {
      ...json,
      weightSpecs: weightsManifest.flatMap((group) => group.weights),
      weightData: weights.buffer.slice(weights.byteOffset, weights.byteOffset + weights.byteLength),
    },
  }
}

function parse(bytes: Buffer, file: string): ModelJson {
  let json: unknown
  try {
    json = JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw new ModelError(`${file} is no model.json of TensorFlow.js: ${(cause as Error).message}.`, { cause })
  }
  if (typeof json === 'object' && json !== null && 'modelTopology' in json) return json as ModelJson
  throw new ModelError(`${file} is no model.json of TensorFlow.js: it has no modelTopology.`)
}

async function readWeights(folder: string, name: string): Promise<Buffer> {
  const file = resolve(folder, name)
  // Links are resolved first: a model must not reach files outside its folder.
  const actual = await realpath(file).catch(() => file)
  if (!actual.startsWith(folder + sep)) {
    throw new ModelError(`The file of weights "${name}" is outside the folder of the model.`)
  }
  return read(actual, 'The file of weights')
}

function read(file: string, what: string): Promise<Buffer> {
  return readFile(file).catch((cause: NodeJS.ErrnoException) => {
    throw new ModelError(`${what} ${file} cannot be read (${cause.code}).`, { cause })
  })
}
