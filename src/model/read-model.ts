import { createHash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync, realpathSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname, resolve, sep } from 'node:path'
import { ModelError } from '../errors.js'
import { decodeModel } from '../graph/decode.js'
import type { Graph } from '../graph/graph.js'

/** A model as found on disk or in memory, before anything is changed in it. */
export interface ModelFile {
  readonly name: string
  readonly sha256: string
  /** What the runtime can load: the path, so that external data is found, or the bytes. */
  readonly source: string | Uint8Array
  readonly graph: Graph
}

/**
 * Reads and parses an ONNX model. External tensors are read from the model's own folder only.
 * @throws ModelError when there is no such file, or it is no ONNX model.
 */
export async function readModel(pathOrBytes: string | Uint8Array | ArrayBuffer): Promise<ModelFile> {
  if (typeof pathOrBytes !== 'string') {
    const bytes = ArrayBuffer.isView(pathOrBytes)
      ? new Uint8Array(pathOrBytes.buffer as ArrayBuffer, pathOrBytes.byteOffset, pathOrBytes.byteLength)
      : new Uint8Array(pathOrBytes)
    const graph = decodeModel(bytes, (location) => {
      throw new ModelError(
        `The model keeps tensors in "${location}". Load it by its path, so that this file can be found.`,
      )
    })
    return { name: 'model', sha256: digest(bytes), source: bytes, graph }
  }
  const path = resolve(pathOrBytes)
  if (path.endsWith('.json')) {
    throw new ModelError(`${path} is no ONNX file. A model of TensorFlow.js is loaded by loadTfjsModel().`)
  }
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new ModelError(`The model file ${path} cannot be read (${cause.code}).`, { cause })
  })
  const graph = decodeFile(path, bytes)
  return { name: basename(path), sha256: digest(bytes), source: path, graph }
}

function decodeFile(path: string, bytes: Uint8Array): Graph {
  try {
    return decodeModel(bytes, (location, offset, length) => readExternal(dirname(path), location, offset, length))
  } catch (cause) {
    if (cause instanceof ModelError) throw new ModelError(`${path}: ${cause.message}`, { cause })
    throw cause
  }
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function readExternal(folder: string, location: string, offset: number, length: number | undefined): Uint8Array {
  try {
    // Links are resolved first: a model must not reach files outside its folder.
    const path = realpathSync(resolve(folder, location))
    if (!path.startsWith(realpathSync(folder) + sep)) throw new Error('it is outside the folder of the model')
    const file = openSync(path, 'r')
    try {
      const { size } = fstatSync(file)
      const end = length === undefined ? size : offset + length
      if (!(offset >= 0 && end <= size && offset <= end)) {
        throw new Error(`it has ${size} bytes; the model asks for bytes ${offset} to ${end}`)
      }
      // Only the part that is asked for: hundreds of tensors may share a file.
      return readPart(file, offset, end)
    } finally {
      closeSync(file)
    }
  } catch (cause) {
    throw new ModelError(`The external data file "${location}" cannot be used: ${(cause as Error).message}.`, { cause })
  }
}

function readPart(file: number, start: number, end: number): Uint8Array {
  const bytes = new Uint8Array(end - start)
  for (let done = 0; done < bytes.length; ) {
    const count = readSync(file, bytes, done, bytes.length - done, start + done)
    if (count === 0) throw new Error('it became shorter while it was read')
    done += count
  }
  return bytes
}
