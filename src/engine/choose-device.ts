import { SettingsError } from '../errors.js'
import { GraphBuilder } from '../graph/builder.js'
import { accelerators, type Device } from './device.js'
import { engine } from './engine.js'

export interface ChosenDevice {
  readonly device: Device
  /** Why it is the CPU, where an accelerator was wanted. */
  readonly warning?: string
}

/**
 * The device to run on. `auto` takes the first accelerator that this build of onnxruntime has and that runs a graph, else
 * the CPU, and says why.
 * @throws SettingsError for a device that does not exist, or that was asked for by name and does not run.
 */
export async function chooseDevice(wanted: Device | 'auto'): Promise<ChosenDevice> {
  if (wanted === 'cpu') return { device: 'cpu' }
  const bundled = new Set((await engine.backends()).filter((each) => each.bundled).map(({ name }) => name))
  if (wanted !== 'auto') {
    const reason = accelerators.includes(wanted) ? await whyNot(wanted, bundled) : 'there is no device of that name'
    if (reason === undefined) return { device: wanted }
    throw new SettingsError(
      `The device ${JSON.stringify(wanted)} cannot be used: ${reason}. Devices are cpu, ${accelerators.join(', ')}, and auto, which falls back to the CPU.`,
    )
  }
  const reasons: string[] = []
  for (const device of accelerators) {
    const reason = await whyNot(device, bundled)
    if (reason === undefined) return { device }
    reasons.push(`${device}: ${reason}`)
  }
  return { device: 'cpu', warning: `No accelerator can be used, so the model runs on the CPU. ${reasons.join('; ')}.` }
}

const checked = new Map<Device, Promise<string | undefined>>()

/** Undefined where the device runs a graph. */
function whyNot(device: Device, bundled: ReadonlySet<string>): Promise<string | undefined> {
  if (!bundled.has(device)) return Promise.resolve('not part of this build of onnxruntime-node')
  const known = checked.get(device) ?? runOnce(device)
  checked.set(device, known)
  return known
}

async function runOnce(device: Device): Promise<string | undefined> {
  const builder = new GraphBuilder(18)
  builder.output('sum', builder.add('Add', [builder.input('number', 'float32', [1]), builder.scalar(1)]))
  try {
    const session = await engine.createSession(builder.build(), { device })
    const { sum } = await session.run({ number: { type: 'float32', shape: [1], data: Float32Array.of(1) } })
    await session.release()
    return sum.data[0] === 2 ? undefined : `1 + 1 is ${sum.data[0]} on it`
  } catch (error) {
    // What comes before it is where in the runtime's source it was raised.
    const [line] = (error as Error).message.split('\n')
    return line.replace(/^.* was false\. /, '').replace(/\.$/, '')
  }
}
