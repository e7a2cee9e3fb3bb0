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
    const onnxruntime = require('onnxruntime-node')
    const found = sessions.get(session)
    if (!found) throw new Error('The session has been released.')
    /** @type {Record<string, any>} */
    const inputs = {}
    for (const [name, { type, data, shape }] of Object.entries(feeds)) {
      inputs[name] = new onnxruntime.Tensor(type, data, shape)
    }
    const outputs = fetches ? await found.run(inputs, fetches) : await found.run(inputs)
    /** @type {Record<string, any>} */
    const results = {}
    for (const [name, tensor] of Object.entries(outputs)) {
      const data = shapesOnly?.has(name) ? undefined : tensor.data
      results[name] = { type: tensor.type, shape: tensor.dims, data }
    }
    return results
  },

  async release({ session }) {
    await sessions.get(session)?.release()
    sessions.delete(session)
  },

  async exit() {
    process.exit()
  },

  async backends() {
    return require('onnxruntime-node').listSupportedBackends()
  },
}

/** @param {any} metadata */
function describe({ name, type, shape }) {
  return { name, type, shape }
}

parentPort?.on('message', async (message) => {
  try {
    const result = await actions[message.action](message)
    const buffers = new Set(Object.values(result ?? {}).map((value) => value?.data?.buffer))
    buffers.delete(undefined)
    parentPort?.postMessage({ id: message.id, result }, /** @type {ArrayBuffer[]} */ ([...buffers]))
  } catch (error) {
    const { message: text, code } = /** @type {NodeJS.ErrnoException} */ (error)
    parentPort?.postMessage({ id: message.id, error: { message: text, code } })
  }
})
