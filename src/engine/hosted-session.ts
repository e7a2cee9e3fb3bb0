import { intTensor } from '../graph/builder.js'
import {
  bodiesOf,
  functionAttribute,
  type Graph,
  type GraphNode,
  type HostFunction,
  type Tensor,
  usedBy,
} from '../graph/graph.js'
import { prune } from '../graph/prune.js'
import type { Device } from './device.js'
import { engine, type Feeds, type Results, type Session } from './engine.js'

/** Whether a graph, or the body of a Loop in it, has nodes that run in JavaScript. */
export function callsHost(graph: Graph): boolean {
  return graph.nodes.some(isHosted)
}

/** A graph of which the runtime runs only a part: nodes with a `run` attribute call that function instead. */
export class HostedSession implements Pick<Session, 'run' | 'release'> {
  readonly #plan: Plan
  readonly #outputs: readonly string[]

  constructor(graph: Graph, device: Device) {
    this.#plan = new Plan(graph, device)
    this.#outputs = graph.outputs.map(({ name }) => name)
  }

  async run(feeds: Feeds): Promise<Results> {
    const values = new Map(Object.entries(feeds))
    await this.#plan.run(values)
    return Object.fromEntries(this.#outputs.map((name) => [name, values.get(name)!]))
  }

  release(): Promise<void> {
    return this.#plan.release()
  }
}

interface Step {
  run(values: Map<string, Tensor>): Promise<void>
  release(): Promise<void>
}

/** The nodes of a graph, cut into parts for the runtime with what runs in JavaScript between them. */
class Plan implements Step {
  readonly #steps: Step[] = []

  /** @param outer Constants of the graphs around this one. */
  constructor(graph: Graph, device: Device, outer: ReadonlyMap<string, Tensor> = new Map()) {
    const constants = new Map([...outer, ...graph.constants])
    const addPart = (nodes: readonly GraphNode[]) => {
      const others = graph.nodes.filter((node) => !nodes.includes(node))
      const needed = new Set([...graph.outputs.map(({ name }) => name), ...others.flatMap(usedBy)])
      const outputs = nodes.flatMap((node) => node.outputs).filter((name) => needed.has(name))
      this.#steps.push(
        new RuntimeStep({ ...graph, inputs: [], outputs: outputs.map((name) => ({ name })), nodes, constants }, device),
      )
    }
    let waiting = graph.nodes
    while (waiting.length > 0) {
      const blocked = new Set<string>()
      const later = waiting.filter((node) => {
        const waits = isHosted(node) || usedBy(node).some((name) => blocked.has(name))
        if (waits) for (const output of node.outputs) blocked.add(output)
        return waits
      })
      const ready = waiting.filter((node) => !later.includes(node))
      if (ready.length > 0) addPart(ready)
      // What blocks the others comes first.
      const [hosted, ...rest] = later
      if (hosted) this.#steps.push(hostedStep(hosted, device, constants))
      waiting = rest
    }
  }

  async run(values: Map<string, Tensor>): Promise<void> {
    for (const step of this.#steps) await step.run(values)
  }

  async release(): Promise<void> {
    for (const step of this.#steps) await step.release()
  }
}

/** Nodes that the runtime runs at once. Its session is made when the types of all that flows in are known. */
class RuntimeStep implements Step {
  readonly #graph: Graph
  #inputs: readonly string[] = []
  #session: Promise<Session> | undefined

  readonly #device: Device

  constructor(graph: Graph, device: Device) {
    this.#graph = graph
    this.#device = device
  }

  async run(values: Map<string, Tensor>): Promise<void> {
    this.#session ??= this.#load(values)
    const session = await this.#session
    const results = await session.run(Object.fromEntries(this.#inputs.map((name) => [name, values.get(name)!])))
    for (const [name, tensor] of Object.entries(results)) values.set(name, tensor)
  }

  #load(values: ReadonlyMap<string, Tensor>): Promise<Session> {
    const made = new Set(this.#graph.nodes.flatMap(({ outputs }) => outputs))
    const used = new Set(this.#graph.nodes.flatMap(usedBy))
    this.#inputs = [...used].filter((name) => values.has(name) && !made.has(name) && !this.#graph.constants.has(name))
    const inputs = this.#inputs.map((name) => {
      const { type, shape } = values.get(name)!
      return { name, type, shape: shape.map((_, axis) => `${name}/${axis}`) }
    })
    return engine.createSession(prune({ ...this.#graph, inputs }), { device: this.#device })
  }

  async release(): Promise<void> {
    const session = await this.#session?.catch(() => undefined)
    await session?.release()
  }
}

function hostedStep(node: GraphNode, device: Device, constants: ReadonlyMap<string, Tensor>): Step {
  const run = functionAttribute(node, 'run')
  return run ? new FunctionStep(node, run, constants) : new LoopStep(node, device, constants)
}

class FunctionStep implements Step {
  constructor(
    readonly node: GraphNode,
    readonly call: HostFunction,
    readonly constants: ReadonlyMap<string, Tensor>,
  ) {}

  async run(values: Map<string, Tensor>): Promise<void> {
    const { inputs, outputs } = this.node
    values.set(outputs[0], await this.call(inputs.map((name) => (values.get(name) ?? this.constants.get(name))!)))
  }

  async release(): Promise<void> {}
}

/** A Loop whose body calls functions: its iterations are counted here. */
class LoopStep implements Step {
  readonly #node: GraphNode
  readonly #body: Graph
  readonly #plan: Plan
  readonly #constants: ReadonlyMap<string, Tensor>

  constructor(node: GraphNode, device: Device, constants: ReadonlyMap<string, Tensor>) {
    const [body, ...others] = bodiesOf(node)
    if (node.operator !== 'Loop' || others.length > 0 || body.outputs.length !== node.outputs.length + 1) {
      throw new Error(`A ${node.operator} cannot call functions in its body, unless it is a Loop without scan outputs.`)
    }
    this.#node = node
    this.#body = body
    this.#plan = new Plan(body, device, constants)
    this.#constants = constants
  }

  async run(values: Map<string, Tensor>): Promise<void> {
    const [trips, goOn, ...initial] = this.#node.inputs
    const get = (name: string) => (values.get(name) ?? this.#constants.get(name))!
    const most = Number(get(trips).data[0])
    let goesOn = goOn === '' || Boolean(get(goOn).data[0])
    let carried = initial.map(get)
    for (let iteration = 0; iteration < most && goesOn; iteration++) {
      const inside = new Map(values)
      const isGoing: Tensor = { type: 'bool', shape: [], data: Uint8Array.of(1) }
      const inputs = [intTensor([iteration], []), isGoing, ...carried]
      this.#body.inputs.forEach(({ name }, index) => inside.set(name, inputs[index]))
      await this.#plan.run(inside)
      const [after, ...next] = this.#body.outputs.map(({ name }) => inside.get(name)!)
      goesOn = Boolean(after.data[0])
      carried = next
    }
    this.#node.outputs.forEach((name, index) => values.set(name, carried[index]))
  }

  release(): Promise<void> {
    return this.#plan.release()
  }
}

function isHosted(node: GraphNode): boolean {
  return functionAttribute(node, 'run') !== undefined || bodiesOf(node).some(callsHost)
}
