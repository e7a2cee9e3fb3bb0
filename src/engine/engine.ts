import { once } from 'node:events'
import { statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { EngineError, GraphRefusedError } from '../errors.js'
import { typedArrays } from '../graph/element-types.js'
import { encodeModel } from '../graph/encode.js'
import type { Graph, Tensor } from '../graph/graph.js'
import type { Device } from './device.js'
import { SessionMemory, type SessionShare } from './session-memory.js'

export type Feeds = Readonly<Record<string, Tensor>>
export type Results = Readonly<Record<string, Tensor>>

export interface SessionSettings {
  /** `none` keeps the graph as written, which shape inference relies on. Default `all`. */
  readonly optimization?: 'none' | 'all'
  /** Default `cpu`. What an accelerator has no kernel for runs on the CPU. */
  readonly device?: Device
  /** Outputs that stay on the device, for {@link Engine.iterate}. Default: none. */
  readonly kept?: readonly string[]
}

/** A graph loaded into onnxruntime. */
export interface Session {
  /** Statically inferred element types and shapes; free dimensions are strings. */
  readonly outputs: readonly SessionPort[]
  run(feeds: Feeds, options?: RunOptions): Promise<Results>
  /** Works with its number in the worker thread, where it stays loaded until the work is done. */
  use<Result>(work: (session: number) => Promise<Result>): Promise<Result>
  release(): Promise<void>
}

/** The parts of a loop. What goes in and out of the first and the last is in the same order. */
export interface LoopSessions {
  /** Computes, on the CPU, what the loop needs before its first iteration. */
  readonly start: Session
  /** Moves tensors to the device. */
  readonly upload: Session
  /** One iteration. */
  readonly step: Session
  /** Gets tensors back from the device. */
  readonly download: Session
}

/** What goes into a loop, and what to do with the names of its inputs and outputs. */
export interface Iterations {
  readonly feeds: Feeds
  /** Among the feeds, or what the start gives: the largest number of iterations, and what is carried into the first. */
  readonly trips: string
  readonly initial: readonly string[]
  /** Inputs of an iteration: its number, and that the loop goes on. */
  readonly iteration: string
  readonly goOn: string
  /** Output of an iteration: whether another one follows. */
  readonly goesOn: string
  /** Inputs of an iteration, and the outputs that are these inputs of the next one. */
  readonly carried: readonly string[]
  readonly next: readonly string[]
}

export interface SessionPort {
  readonly name: string
  readonly type: string
  /** Undefined of what is no tensor: a sequence, a map. */
  readonly shape: readonly (number | string)[] | undefined
}

export interface RunOptions {
  readonly fetches?: readonly string[]
  /** Outputs of which only type and shape are wanted: their data stays in the worker. */
  readonly shapesOnly?: ReadonlySet<string>
}

interface Pending {
  resolve(value: unknown): void
  reject(error: Error): void
}

interface LoadedSession extends SessionShare {
  readonly number: number
  /** Undefined while it is not in the worker thread. */
  loading: Promise<readonly SessionPort[]> | undefined
}

// Bytes: arrays start at multiples of the size of their elements.
const alignment = 8
// A gibibyte of models, which onnxruntime makes four of.
const mostBytes = 2 ** 30

/**
 * Runs ONNX graphs in a worker thread of its own, one after the other. The thread starts with the first graph and does not keep the
 * process alive while it is idle. A thread that dies fails the runs under way; the next run starts a new one. Sessions
 * of large models leave the thread while others are used, and are loaded again when they are.
 */
export class Engine {
  #worker: Worker | undefined
  #nextId = 0
  readonly #pending = new Map<number, Pending>()
  readonly #memory: SessionMemory<LoadedSession>

  /** @param limit Bytes of the models that are loaded at a time. */
  constructor(limit = mostBytes) {
    this.#memory = new SessionMemory(limit)
  }

  /** Loads a graph, or an ONNX file as it stands: its path, or its bytes. */
  async createSession(model: Graph | Uint8Array | string, settings: SessionSettings = {}): Promise<Session> {
    const session: LoadedSession = { number: this.#nextId++, bytes: 0, users: 0, loading: undefined }
    let isReleased = false
    const load = async () => {
      const encoded = typeof model === 'object' && 'nodes' in model ? encodeModel(model) : undefined
      const source = encoded ?? (model as Uint8Array | string)
      session.bytes = typeof source === 'string' ? statSync(source).size : source.byteLength
      for (const other of this.#memory.add(session)) {
        other.loading = undefined
        this.#call('release', { session: other.number }).catch(() => {})
      }
      const options = sessionOptions(settings)
      const message = { session: session.number, source, options }
      // What was encoded here nobody else needs.
      const moved = encoded ? [encoded.buffer as ArrayBuffer] : []
      return (await this.#call<{ outputs: SessionPort[] }>('create', message, moved)).outputs
    }
    const use = async <Result>(work: (ports: readonly SessionPort[]) => Promise<Result> | Result) => {
      if (isReleased) throw new EngineError('The session has been released.')
      session.users++
      try {
        session.loading ??= load()
        const loading = session.loading
        const ports = await loading.catch((error) => {
          if (session.loading === loading) {
            session.loading = undefined
            this.#memory.delete(session)
          }
          throw error
        })
        this.#memory.use(session)
        return await work(ports)
      } finally {
        session.users--
      }
    }
    return {
      outputs: await use((ports) => ports),
      use: (work) => use(() => work(session.number)),
      run: (feeds, { fetches, shapesOnly } = {}) =>
        use(async () => {
          const { sent, memory } = copied(feeds)
          const message = { session: session.number, feeds: sent, fetches, shapesOnly }
          return inOwnRealm(await this.#call<Record<string, Tensor>>('run', message, [memory]))
        }),
      release: async () => {
        isReleased = true
        if (this.#memory.delete(session)) await this.#call('release', { session: session.number })
      },
    }
  }

  /** Runs a loop whose float32 tensors stay on the device. Gives what is carried, as it is after the last iteration. */
  iterate(sessions: LoopSessions, iterations: Iterations): Promise<Results> {
    const { sent, memory } = copied(iterations.feeds)
    return sessions.start.use((start) =>
      sessions.upload.use((upload) =>
        sessions.step.use((step) =>
          sessions.download.use(async (download) => {
            const message = { ...iterations, sessions: { start, upload, step, download }, feeds: sent }
            return inOwnRealm(await this.#call<Record<string, Tensor>>('iterate', message, [memory]))
          }),
        ),
      ),
    )
  }

  /** Execution providers that this build of onnxruntime-node can use. */
  backends(): Promise<{ name: string; bundled: boolean }[]> {
    return this.#call('backends', {})
  }

  /** Ends the worker thread after the run it is in; whatever waits for it fails with an {@link EngineError}. */
  async close(): Promise<void> {
    const worker = this.#worker
    if (!worker) return
    this.#abandon(
      new EngineError('The engine was closed, as at the end of a test file, before this was done. Was it awaited?'),
    )
    // Not terminate(): that makes onnxruntime throw inside a dying thread, which aborts the whole process.
    worker.ref()
    worker.postMessage({ action: 'exit' })
    await once(worker, 'exit')
  }

  /** @param moved Buffers in the message that nobody else needs. */
  #call<Result>(action: string, message: object, moved: readonly ArrayBuffer[] = []): Promise<Result> {
    const worker = this.#start()
    const id = this.#nextId++
    return new Promise<Result>((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject })
      worker.ref()
      worker.postMessage({ ...message, id, action }, moved)
    })
  }

  #start(): Worker {
    if (this.#worker) return this.#worker
    const worker = new Worker(new URL('./onnxruntime-worker.cjs', import.meta.url), {
      name: 'unfooled-onnxruntime',
      execArgv: [],
    })
    worker.unref()
    const owned = (action: () => void) => {
      if (this.#worker === worker) action()
    }
    worker.on('message', ({ id, result, error }) => this.#settle(worker, id, result, error))
    worker.on('error', (cause) =>
      owned(() => this.#abandon(new EngineError(`The onnxruntime worker thread failed: ${cause.message}`, { cause }))),
    )
    worker.on('exit', (code) =>
      owned(() =>
        this.#abandon(new EngineError(`The onnxruntime worker thread ended unexpectedly (exit code ${code}).`)),
      ),
    )
    this.#worker = worker
    return worker
  }

  #settle(worker: Worker, id: number, result: unknown, error: { message: string; code?: string } | undefined): void {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    if (this.#pending.size === 0 && this.#worker === worker) worker.unref()
    if (!pending) return
    if (error) pending.reject(engineError(error))
    else pending.resolve(result)
  }

  #abandon(error: EngineError): void {
    this.#worker = undefined
    // A thread takes its sessions along.
    for (const session of this.#memory.clear()) session.loading = undefined
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    for (const { reject } of pending) reject(error)
  }
}

/** The engine of this process (of this test file, where a runner isolates them). */
export const engine = new Engine()

function engineError({ message, code }: { message: string; code?: string }): EngineError {
  if (code === 'MODULE_NOT_FOUND') {
    return new EngineError(
      'onnxruntime-node is not installed. Run `npm install --save-dev onnxruntime-node`; where its download of CUDA libraries fails, set ONNXRUNTIME_NODE_INSTALL=skip first.',
    )
  }
  return new GraphRefusedError(message)
}

function sessionOptions({ optimization = 'all', device = 'cpu', kept = [] }: SessionSettings) {
  return {
    // Of no other provider can onnxruntime-node keep tensors.
    ...(device === 'webgpu' && {
      preferredOutputLocation: Object.fromEntries(kept.map((name) => [name, 'gpu-buffer'])),
    }),
    executionProviders: device === 'cpu' ? ['cpu'] : [device, 'cpu'],
    graphOptimizationLevel: optimization === 'none' ? 'disabled' : 'all',
    intraOpNumThreads: threadsPerTestWorker(),
    interOpNumThreads: 1,
    executionMode: 'sequential',
    logSeverityLevel: 4,
    // Spinning threads steal the cores that other test workers need.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  }
}

/** Reporters announce the number of test workers before these start; the cores are shared between them. */
function threadsPerTestWorker(): number {
  const workers = Number(process.env.UNFOOLED_TEST_WORKERS) || 1
  return Math.max(1, Math.floor(availableParallelism() / Math.max(1, workers)))
}

/**
 * Copies to give away, all in one piece of memory. A message that copies arrays itself does so on both sides, and takes along the
 * rest of what they view; one that gives many pieces away takes longer than small graphs run.
 */
function copied(feeds: Feeds): { sent: Feeds; memory: ArrayBuffer } {
  const entries = Object.entries(feeds)
  const room = ({ data }: Tensor) => Math.ceil(data.byteLength / alignment) * alignment
  const memory = new ArrayBuffer(entries.reduce((size, [, tensor]) => size + room(tensor), 0))
  let place = 0
  const sent = entries.map(([name, tensor]) => {
    const { type, data } = tensor
    const copy = new typedArrays[type](memory, place, data.length)
    new Uint8Array(memory, place).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    place += room(tensor)
    return [name, { ...tensor, data: copy }] as const
  })
  return { sent: Object.fromEntries(sent), memory }
}

function inOwnRealm(results: Results): Results {
  return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, ownRealm(tensor)]))
}

/** What arrives from another thread may belong to another realm than the caller's (Jest); a view of it does not. */
function ownRealm({ type, shape, data }: Tensor): Tensor {
  if (data === undefined) return { type, shape, data }
  return {
    type,
    shape: [...shape],
    data: new typedArrays[type](data.buffer as ArrayBuffer, data.byteOffset, data.length),
  }
}
