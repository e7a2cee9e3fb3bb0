import { ModelError } from '../errors.js'
import { elementCount, type Graph, type Tensor, type TensorData } from '../graph/graph.js'
import type { Device } from './device.js'
import { DeviceLoop, outermostLoop } from './device-loop.js'
import { engine, type Feeds, type Results, type Session } from './engine.js'
import { callsHost, HostedSession } from './hosted-session.js'

/** A graph ready to run. Inputs whose first axis is the batch are split where the model takes one sample at a time. */
export interface CompiledGraph {
  /** Whether nodes run in JavaScript, so that several steps of a loop in one run save nothing. */
  readonly callsHost: boolean
  run(feeds: Feeds): Promise<Results>
  release(): Promise<void>
}

export async function compileGraph(graph: Graph, oneAtATime: boolean, device: Device = 'cpu'): Promise<CompiledGraph> {
  const isHosted = callsHost(graph)
  const loop = isHosted || device !== 'webgpu' ? undefined : outermostLoop(graph)
  const session = isHosted
    ? new HostedSession(graph, device)
    : loop
      ? await DeviceLoop.load(graph, loop, device)
      : await engine.createSession(graph, { device })
  const batched = graph.inputs.filter(({ shape }) => shape?.[0] === 'batch').map(({ name }) => name)
  return {
    callsHost: isHosted,
    // Some graphs are about the model alone, and have no samples.
    run: (feeds) => (oneAtATime && batched.length > 0 ? runOneAtATime(session, feeds, batched) : session.run(feeds)),
    release: () => session.release(),
  }
}

/** Runs each sample of the inputs named `batched` by itself, and joins the outputs along their first axis. */
export async function runOneAtATime(
  session: Pick<Session, 'run'>,
  feeds: Feeds,
  batched: readonly string[],
): Promise<Results> {
  const count = feeds[batched[0]].shape[0]
  const runs: Results[] = []
  for (let sample = 0; sample < count; sample++) {
    const parts = batched.map((name) => [name, slice(feeds[name], sample)])
    runs.push(await session.run({ ...feeds, ...Object.fromEntries(parts) }))
  }
  if (runs.length === 0) return {}
  return Object.fromEntries(Object.keys(runs[0]).map((name) => [name, concatenate(runs.map((run) => run[name]))]))
}

function slice({ type, shape, data }: Tensor, sample: number): Tensor {
  const size = elementCount(shape.slice(1))
  return { type, shape: [1, ...shape.slice(1)], data: data.slice(sample * size, (sample + 1) * size) }
}

function concatenate(parts: readonly Tensor[]): Tensor {
  const [{ type, shape, data: first }] = parts
  const other = parts.find((part) => String(part.shape) !== String(shape))
  if (other) {
    throw new ModelError(
      `What the model gives has another shape from sample to sample: [${shape.join(', ')}] for one, [${other.shape.join(', ')}] for another. Samples need outputs of one shape; name one that has it.`,
    )
  }
  const data = new (first.constructor as new (length: number) => TensorData)(first.length * parts.length)
  parts.forEach((part, index) => data.set(part.data as never, index * first.length))
  return { type, shape: [parts.length * shape[0], ...shape.slice(1)], data }
}
