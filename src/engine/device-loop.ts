import { bodiesOf, type ElementType, type Graph, type GraphNode, type Port, usedBy } from '../graph/graph.js'
import { prune } from '../graph/prune.js'
import type { Device } from './device.js'
import { engine, type Feeds, type LoopSessions, type Results, type Session } from './engine.js'

/** The Loop that all outputs of a graph come from, if it has one. */
export function outermostLoop({ nodes, outputs }: Graph): GraphNode | undefined {
  const loop = nodes.find(({ operator }) => operator === 'Loop')
  if (!loop) return undefined
  const countsOnly = loop.inputs[1] === '' && bodiesOf(loop)[0].outputs.length === loop.outputs.length + 1
  return countsOnly && outputs.every(({ name }) => loop.outputs.includes(name)) ? loop : undefined
}

/**
 * A graph that is a Loop, on a device for which onnxruntime runs loops on the CPU: everything carried would go there and
 * back in every iteration. Here each iteration is a run of the body, and float32 tensors stay on the device from the first
 * to the last.
 */
export class DeviceLoop implements Pick<Session, 'run' | 'release'> {
  readonly #graph: Graph
  readonly #loop: GraphNode
  readonly #parts: Parts

  private constructor(graph: Graph, loop: GraphNode, parts: Parts) {
    this.#graph = graph
    this.#loop = loop
    this.#parts = parts
  }

  static async load(graph: Graph, loop: GraphNode, device: Device): Promise<DeviceLoop> {
    return new DeviceLoop(graph, loop, await loadParts(graph, loop, device))
  }

  async run(feeds: Feeds): Promise<Results> {
    const { sessions, inputs } = this.#parts
    const [trips, , ...initial] = this.#loop.inputs
    const [body] = bodiesOf(this.#loop)
    const [iteration, goOn, ...carried] = body.inputs.map(({ name }) => name)
    const [goesOn, ...next] = body.outputs.map(({ name }) => name)
    const used = Object.fromEntries(inputs.map((name) => [name, feeds[name]]))
    const names = { trips, initial, iteration, goOn, goesOn, carried, next }
    const results = await engine.iterate(sessions, { ...names, feeds: used })
    const ends = new Map(this.#loop.outputs.map((name, index) => [name, results[carried[index]]]))
    return Object.fromEntries(this.#graph.outputs.map(({ name }) => [name, ends.get(name)!]))
  }

  async release(): Promise<void> {
    for (const session of Object.values(this.#parts.sessions)) await session.release()
  }
}

interface Parts {
  readonly sessions: LoopSessions
  /** What is used of the graph's inputs. */
  readonly inputs: readonly string[]
}

async function loadParts(graph: Graph, loop: GraphNode, device: Device): Promise<Parts> {
  const [body] = bodiesOf(loop)
  const before = graph.nodes.filter((node) => node !== loop)
  const computed = new Set(before.flatMap(({ outputs }) => outputs))
  const outputs = [...new Set(usedBy(loop))].filter((name) => computed.has(name)).map((name) => ({ name }))
  const ahead = prune({ ...graph, nodes: before, outputs })
  const needed = new Set(ahead.nodes.flatMap(usedBy))
  const start = await engine.createSession({ ...ahead, inputs: graph.inputs.filter(({ name }) => needed.has(name)) })

  const own = new Set([...body.inputs.map(({ name }) => name), ...body.nodes.flatMap((node) => node.outputs)])
  const free = new Set(body.nodes.flatMap(usedBy).filter((name) => !own.has(name)))
  const results = start.outputs.map(({ name, type }) => ({ name, type: type as ElementType }))
  const around: Port[] = [...graph.inputs, ...results].filter(({ name }) => free.has(name))
  const [, , ...carried] = body.inputs
  const isFloat = ({ type }: Port) => type === 'float32'
  const constants = new Map([...graph.constants, ...body.constants])
  const iteration = prune({ ...body, inputs: [...body.inputs, ...around], constants })
  const kept = body.outputs.slice(1).filter((_, index) => isFloat(carried[index]))
  const arriving = copies(graph.opset, [...around, ...carried].filter(isFloat))
  const sessions = {
    start,
    upload: await engine.createSession(arriving, { device, kept: arriving.outputs.map(({ name }) => name) }),
    step: await engine.createSession(iteration, { device, kept: kept.map(({ name }) => name) }),
    download: await engine.createSession(copies(graph.opset, carried.filter(isFloat)), { device }),
  }
  const used = new Set([...needed, ...free, ...loop.inputs])
  return { sessions, inputs: graph.inputs.map(({ name }) => name).filter((name) => used.has(name)) }
}

/** Gives each input again as an output, on the way to the device or back. */
function copies(opset: number, ports: readonly Port[]): Graph {
  const copy = (name: string) => `copy of ${name}`
  return {
    opset,
    inputs: ports.map(({ name, type }) => ({ name, type })),
    outputs: ports.map(({ name }) => ({ name: copy(name) })),
    nodes: ports.map(({ name }) => ({
      operator: 'Identity',
      name: copy(name),
      domain: '',
      inputs: [name],
      outputs: [copy(name)],
      attributes: new Map(),
    })),
    constants: new Map(),
  }
}
