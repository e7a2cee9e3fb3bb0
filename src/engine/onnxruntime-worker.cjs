// @ts-check
// The thread that onnxruntime runs in. `run` blocks its thread and checks tensors against the typed arrays of its own
// realm, so it lives here: the event loop of the tests stays free, and a test runner's sandboxed globals do no harm.
'use strict'

const { parentPort } = require('node:worker_threads')

/** @type {Map<number, import('onnxruntime-node').InferenceSession>} */
const sessions = new Map()

/** @type {Record<string, (message: any) => Promise<any>>} */
const actions = {
  async create({ session, source, options }) {
    const onnxruntime = require('onnxruntime-node')
    const created = await onnxruntime.InferenceSession.create(source, options)
    sessions.set(session, created)
    return {
      inputs: created.inputMetadata.map(describe),
      outputs: created.outputMetadata.map(describe),
    }
  },

  async run({ session, feeds, fetches, shapesOnly }) {
    const inputs = tensors(feeds)
    const outputs = fetches ? await find(session).run(inputs, fetches) : await find(session).run(inputs)
    return results(outputs, shapesOnly)
  },

  async iterate({ sessions, feeds, trips, initial, iteration, goOn, goesOn, carried, next }) {
    const { start, upload, step, download } = sessions
    /** @type {Record<string, any>} */
    const values = tensors(feeds)
    Object.assign(values, await find(start).run(pick(values, find(start).inputNames)))
    const most = Number(values[trips].data[0])
    carried.forEach((/** @type {string} */ name, /** @type {number} */ index) => {
      values[name] = values[initial[index]]
    })
    const onDevice = new Set()
    /** @type {(name: string, tensor: any) => void} */
    const put = (name, tensor) => {
      if (onDevice.delete(values[name])) values[name].dispose()
      values[name] = tensor
      if (tensor.location === 'gpu-buffer') onDevice.add(tensor)
    }
    try {
      const uploading = find(upload)
      const uploaded = await uploading.run(pick(values, uploading.inputNames))
      uploading.inputNames.forEach((name, index) => put(name, uploaded[uploading.outputNames[index]]))
      let going = true
      for (let count = 0; count < most && going; count++) {
        Object.assign(values, tensors({ [iteration]: scalar('int64', count), [goOn]: scalar('bool', 1) }))
        const outputs = await find(step).run(pick(values, find(step).inputNames))
        carried.forEach((/** @type {string} */ name, /** @type {number} */ index) => put(name, outputs[next[index]]))
        going = Boolean(outputs[goesOn].data[0])
      }
      const downloading = find(download)
      const downloaded = await downloading.run(pick(values, downloading.inputNames))
      downloading.inputNames.forEach((name, index) => put(name, downloaded[downloading.outputNames[index]]))
      return results(pick(values, carried))
    } finally {
      for (const tensor of onDevice) tensor.dispose()
    }
  },

  async release({ session }) {
    const released = sessions.get(session)
    // It may be loaded again before it is gone.
    sessions.delete(session)
    await released?.release()
  },

  async backends() {
    return require('onnxruntime-node').listSupportedBackends()
  },
}

/** @param {number} session */
function find(session) {
  const found = sessions.get(session)
  if (!found) throw new Error('The session has been released.')
  return found
}

/** @param {Record<string, any>} feeds */
function tensors(feeds) {
  const { Tensor } = require('onnxruntime-node')
  return Object.fromEntries(
    Object.entries(feeds).map(([name, { type, data, shape }]) => [name, new Tensor(type, data, shape)]),
  )
}

/** @param {'int64' | 'bool'} type @param {number} value */
function scalar(type, value) {
  return { type, shape: [], data: type === 'int64' ? BigInt64Array.of(BigInt(value)) : Uint8Array.of(value) }
}

/** @param {Record<string, any>} values @param {readonly string[]} names */
function pick(values, names) {
  return Object.fromEntries(names.map((name) => [name, values[name]]))
}

/** @param {Record<string, any>} outputs @param {Set<string>} [shapesOnly] */
function results(outputs, shapesOnly) {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, tensor]) => [
      name,
      { type: tensor.type, shape: tensor.dims, data: shapesOnly?.has(name) ? undefined : tensor.data },
    ]),
  )
}

/** @param {any} metadata */
function describe({ name, type, shape }) {
  return { name, type, shape }
}

// One after the other: the iterations of two loops would take turns, so that both end late, and at the same time.
let last = Promise.resolve()
parentPort?.on('message', (message) => {
  if (message.action === 'exit') process.exit()
  last = last.then(() => answer(message))
})

/** @param {any} message */
async function answer(message) {
  try {
    const result = await actions[message.action](message)
    const buffers = new Set(Object.values(result ?? {}).map((value) => value?.data?.buffer))
    buffers.delete(undefined)
    parentPort?.postMessage({ id: message.id, result }, /** @type {ArrayBuffer[]} */ ([...buffers]))
  } catch (error) {
    const { message: text, code } = /** @type {NodeJS.ErrnoException} */ (error)
    parentPort?.postMessage({ id: message.id, error: { message: text, code } })
  }
}
