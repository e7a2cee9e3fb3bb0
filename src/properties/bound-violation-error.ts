import type { Bound } from '../bounds/bound.js'
import { UnfooledError } from '../errors.js'
import { formatNumber } from '../format.js'
import * as unfooled from '../index.js'
import type { Network } from './network.js'

/** A network and an input for which a bound certifies too much. */
export interface BoundCounterexample {
  readonly bound: Pick<Bound, 'name' | 'norm' | 'settings'>
  readonly network: Network
  readonly domain: readonly [number, number]
  readonly input: Float32Array
  readonly label: number
  readonly adversarial: Float32Array
  readonly adversarialPrediction: number
  /** What the bound certifies around the input. */
  readonly radius: number
  readonly distance: number
  readonly foundBy: string
}

/** A bound certified a radius that holds an adversarial example. The message ends with a test that repeats it. */
export class BoundViolationError extends UnfooledError {
  readonly counterexample: BoundCounterexample

  constructor(counterexample: BoundCounterexample) {
    const { bound, radius, distance, label, adversarialPrediction, foundBy } = counterexample
    super(
      'BOUND_VIOLATION',
      `${bound.name} certifies the radius ${formatNumber(radius)} (${bound.norm}), but ${foundBy} changes the class from ${label} to ${adversarialPrediction} at distance ${formatNumber(distance)}. A test with this counterexample:\n\n${regressionTest(counterexample)}`,
    )
    this.counterexample = counterexample
  }
}

function regressionTest({ bound, network, domain, input, adversarial, distance }: BoundCounterexample): string {
  const list = (values: Float32Array) => Array.from(values).join(', ')
  // An unsound bound says so behind its name.
  const [make] = bound.name.split(' ')
  return [
    ...(make in unfooled
      ? [`import { bound, ${make}, loadModel } from 'unfooled'`]
      : ["import { bound, loadModel } from 'unfooled'", `import { ${make} } from './${make}' // Or where it is.`]),
    "import { networkModel } from 'unfooled/fast-check'",
    "import { expect, test } from 'vitest'",
    '',
    `test('${bound.name} certifies less than the distance of an adversarial example', async () => {`,
    `  const network = ${JSON.stringify(network)}`,
    `  const model = await loadModel(networkModel(network), { domain: [${domain.join(', ')}] })`,
    `  // Classified otherwise: [${list(adversarial)}]`,
    `  const inputs = { data: Float32Array.of(${list(input)}), shape: [1, ${network.inputShape.join(', ')}] }`,
    `  const { samples } = await bound(model, ${make}(${JSON.stringify(bound.settings)}), { inputs })`,
    `  expect(samples[0].radius).toBeLessThan(${distance})`,
    '})',
  ].join('\n')
}
