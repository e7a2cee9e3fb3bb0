import { expect, test, vi } from 'vitest'

// Nothing in this file may import the protocol buffers before the test does.
test('models are read and written where the environment has no TextEncoder and TextDecoder, as in the jsdom of Jest', async () => {
  vi.stubGlobal('TextEncoder', undefined)
  vi.stubGlobal('TextDecoder', undefined)
  const { decodeModel } = await import('../../src/graph/decode.js')
  const { encodeModel } = await import('../../src/graph/encode.js')
  const port = { name: 'naïve', elementType: 'float32', shape: [1] } as const
  const graph = { opset: 18, inputs: [port], outputs: [port], nodes: [], constants: new Map() }
  expect(decodeModel(encodeModel(graph), () => new Uint8Array()).inputs).toMatchObject([{ name: 'naïve' }])
})
