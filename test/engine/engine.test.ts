import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type * as threads from 'node:worker_threads'
import { afterEach, expect, test, vi } from 'vitest'
import { Engine } from '../../src/engine/engine.js'
import { EngineError } from '../../src/errors.js'
import { floatTensor, GraphBuilder } from '../../src/graph/builder.js'
import type { Graph } from '../../src/graph/graph.js'

/** Shared with held-runs.cjs. */
const runs = vi.hoisted(() => new Int32Array(new SharedArrayBuffer(8)))
const [held, waiting] = [0, 1]

const started: threads.Worker[] = []
vi.mock('node:worker_threads', async (original) => {
  const real = await original<typeof threads>()
  const execArgv = ['--require', fileURLToPath(new URL('./held-runs.cjs', import.meta.url))]
  class RecordedWorker extends real.Worker {
    constructor(script: string | URL, options: threads.WorkerOptions) {
      super(script, { ...options, execArgv, workerData: runs })
      started.push(this)
    }
  }
  return { ...real, Worker: RecordedWorker }
})

let engine = new Engine()
afterEach(async () => {
  letRun()
  await engine.close()
  engine = new Engine()
})

/** Makes runs wait until {@link letRun}. */
function holdRuns(): void {
  Atomics.store(runs, held, 1)
}

function letRun(): void {
  Atomics.store(runs, held, 0)
  Atomics.notify(runs, held)
}

/** Until a run is under way: never, where the event loop stands still meanwhile. */
async function runUnderWay(): Promise<void> {
  while (Atomics.load(runs, waiting) === 0) await setTimeout(1)
}

/** x → (x W)^repeats. */
function productGraph(size: number, repeats: number): Graph {
  const builder = new GraphBuilder(18)
  let value = builder.input('x', 'float32', [size, size])
  const weights = builder.floats(new Float32Array(size * size).fill(1 / size), [size, size])
  for (let repeat = 0; repeat < repeats; repeat++) value = builder.add('MatMul', [value, weights])
  builder.output('y', value)
  return builder.build()
}
const ones = (size: number) => ({ x: floatTensor(new Float32Array(size * size).fill(1), [size, size]) })

test('the event loop goes on while a run is under way', async () => {
  const session = await engine.createSession(productGraph(4, 1))
  holdRuns()
  const run = session.run(ones(4))
  await runUnderWay()
  letRun()
  expect((await run).y.data[0]).toBeCloseTo(1, 4)
})

test('inputs are left as they were, results belong to the caller', async () => {
  const session = await engine.createSession(productGraph(4, 1))
  const feeds = ones(4)
  const first = await session.run(feeds)
  const second = await session.run(feeds)
  expect(feeds.x.data).toHaveLength(16)
  expect(first.y.data).toBeInstanceOf(Float32Array)
  expect(first.y.data).toEqual(second.y.data)
  expect(first.y.data.buffer).not.toBe(second.y.data.buffer)
})

test('a graph that the runtime refuses is an EngineError, and the engine lives on', async () => {
  const builder = new GraphBuilder(18)
  builder.output('y', builder.add('NoSuchOperator', [builder.input('x', 'float32', [1])]))
  await expect(engine.createSession(builder.build())).rejects.toThrow(/onnxruntime: .*NoSuchOperator/s)
  const session = await engine.createSession(productGraph(2, 1))
  await expect(session.run({ x: floatTensor(new Float32Array(3), [3]) })).rejects.toThrow(EngineError)
  await expect(session.run(ones(2))).resolves.toHaveProperty('y')
})

test('a thread that dies fails the run under way; the next run gets a new thread', async () => {
  const session = await engine.createSession(productGraph(4, 1))
  holdRuns()
  const failed = expect(session.run(ones(4))).rejects.toThrow('worker thread ended unexpectedly')
  await runUnderWay()
  // Killing a thread inside onnxruntime aborts the process, so only the news of its death is real here.
  started.at(-1)!.emit('exit', 1)
  await failed
  letRun()
  await expect(session.run(ones(4))).resolves.toHaveProperty('y')
})

test('an idle thread that is killed is replaced, with its sessions', async () => {
  const session = await engine.createSession(productGraph(2, 1))
  await started.at(-1)!.terminate()
  await expect(session.run(ones(2))).resolves.toHaveProperty('y')
  await expect(session.release()).resolves.toBeUndefined()
})

test('large sessions make room for others, and are loaded again', async () => {
  // A matrix is 1 MiB: two sessions are too much.
  engine = new Engine(1.5 * 2 ** 20)
  const first = await engine.createSession(productGraph(512, 1))
  const sent = vi.spyOn(started.at(-1)!, 'postMessage')
  const second = await engine.createSession(productGraph(512, 1))
  const small = await engine.createSession(productGraph(2, 1))
  const runs = [await first.run(ones(512)), await small.run(ones(2)), await first.run(ones(512))]
  for (const { y } of runs) expect(y.data[0]).toBeCloseTo(1, 4)
  await second.release()
  await first.release()
  expect(sent.mock.calls.map(([{ action, session }]) => `${action} ${session}`)).toMatchInlineSnapshot(`
    [
      "release 0",
      "create 2",
      "create 5",
      "release 2",
      "create 0",
      "run 0",
      "run 5",
      "run 0",
      "release 0",
    ]
  `)
})

test('a session that is in use stays', async () => {
  engine = new Engine(1)
  const session = await engine.createSession(productGraph(512, 4))
  const sent = vi.spyOn(started.at(-1)!, 'postMessage')
  const actions = () => sent.mock.calls.map(([{ action }]) => action)
  const [{ y }] = await Promise.all([session.run(ones(512)), engine.createSession(productGraph(2, 1))])
  expect(y.data[0]).toBeCloseTo(1, 4)
  expect(actions().sort()).toEqual(['create', 'run'])
  await engine.createSession(productGraph(2, 1))
  expect(actions().slice(2)).toEqual(['release', 'release', 'create'])
})

test('a released session says so', async () => {
  const session = await engine.createSession(productGraph(2, 1))
  await session.release()
  await expect(session.run(ones(2))).rejects.toThrow('released')
})

test('closing fails what is under way', async () => {
  const session = await engine.createSession(productGraph(4, 1))
  holdRuns()
  const failed = expect(session.run(ones(4))).rejects.toThrow('The engine was closed')
  await runUnderWay()
  const closed = engine.close()
  await failed
  letRun()
  await closed
})

test('threads are shared between the announced test workers', async () => {
  vi.stubEnv('UNFOOLED_TEST_WORKERS', '64')
  await expect((await engine.createSession(productGraph(2, 1))).run(ones(2))).resolves.toHaveProperty('y')
  vi.unstubAllEnvs()
})
