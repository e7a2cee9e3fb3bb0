import type { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, test, vi } from 'vitest'
import '../../matchers/vitest.js'
import { deepFool } from '../../src/attacks/perturbation-analysis/deep-fool.js'
import { fgsm } from '../../src/attacks/perturbation-analysis/fgsm.js'
import { pgd } from '../../src/attacks/perturbation-analysis/pgd.js'
import { attack as attackModel } from '../../src/attacks/run-attack.js'
import { crown } from '../../src/bounds/crown.js'
import { encodeModel } from '../../src/graph/encode.js'
import type { Classifier } from '../../src/model/classifier.js'
import { loadModel } from '../../src/model/load-model.js'
import type { Samples } from '../../src/sampling/samples.js'
import { denseModel, graphOf } from '../tiny-models.js'

const threads: Worker[] = []
vi.mock('node:worker_threads', async (original) => {
  const real = await original<typeof import('node:worker_threads')>()
  class RecordedWorker extends real.Worker {
    constructor(...settings: ConstructorParameters<typeof real.Worker>) {
      super(...settings)
      threads.push(this)
    }
  }
  return { ...real, Worker: RecordedWorker }
})

const linear = () =>
  loadModel(
    denseModel({
      weights: [
        [1, 0],
        [0, 1],
      ],
    }),
    { domain: [0, 1], name: 'linear' },
  )
const samplesOf = (rows: readonly (readonly number[])[], labels?: readonly number[]): Samples => ({
  inputs: { data: Float32Array.from(rows.flat()), shape: [rows.length, 2] },
  ...(labels && { labels: Int32Array.from(labels) }),
})
const good = samplesOf(
  [
    [1, 0],
    [0, 1],
  ],
  [0, 1],
)

/** The three matchers, each of which would pass in one form or the other if it said anything at all. */
const assertions: Record<
  string,
  (model: Classifier, samples: Samples, form: 'plain' | 'not', budget?: number) => Promise<void>
> = {
  toResistAttack: (model, samples, form, budget) => {
    const assertion = form === 'not' ? expect(model).not : expect(model)
    return assertion.toResistAttack(pgd({ epsilon: 0.1 }), { samples, maxFoolingRatio: 0.5, seed: 1, budget })
  },
  toHaveLowerBoundAbove: (model, samples, form, budget) => {
    const assertion = form === 'not' ? expect(model).not : expect(model)
    return assertion.toHaveLowerBoundAbove(0.1, { samples, norm: 'linf', bound: crown({ norm: 'linf' }), budget })
  },
  toHaveValidLowerBounds: (model, samples, form, budget) => {
    const assertion = form === 'not' ? expect(model).not : expect(model)
    return assertion.toHaveValidLowerBounds({ samples, bound: crown({ norm: 'linf' }), runs: 5, seed: 1, budget })
  },
}

const badSamples: Record<string, [Samples, RegExp]> = {
  'no samples': [samplesOf([]), /[Nn]o(ne| ).*sample/],
  'only misclassified samples': [samplesOf([[1, 0]], [1]), /eligible|misclassified|correctly/],
  'NaN in an input': [samplesOf([[1, Number.NaN]]), /feature 1 is NaN/],
  'an input outside the domain': [samplesOf([[1, 1.25]]), /outside the domain \[0, 1\]/],
  'inputs of the wrong shape': [{ inputs: { data: new Float32Array(3), shape: [1, 3] } }, /the model takes \[n, 2\]/],
  'a label that is no class': [samplesOf([[1, 0]], [7]), /Label 7 of sample 0/],
  'labels as numpy has them': [
    { ...samplesOf([[1, 0]]), labels: BigInt64Array.of(0n) as never },
    /label of sample 0 is of type bigint, not a number/,
  ],
  'labels that are one-hot rows': [
    { ...samplesOf([[1, 0]]), labels: [[1, 0]] as never },
    /label of sample 0 is of type object, .* one-hot rows/,
  ],
  'too few labels': [
    samplesOf(
      [
        [1, 0],
        [0, 1],
      ],
      [0],
    ),
    /1 labels? for 2/,
  ],
}

describe.each(Object.keys(assertions))('%s', (matcher) => {
  test('is conclusive on good samples', async () => {
    await assertions[matcher](await linear(), good, 'plain')
    await expect(assertions[matcher](await linear(), good, 'not')).rejects.toThrow()
  })

  describe.each(['plain', 'not'] as const)('%s', (form) => {
    test.each(Object.keys(badSamples))('%s never passes', async (kind) => {
      const [samples, reason] = badSamples[kind]
      await expect(assertions[matcher](await linear(), samples, form)).rejects.toThrow(reason)
    })

    test('a budget that is spent before anything is known never passes', async () => {
      await expect(assertions[matcher](await linear(), good, form, 0)).rejects.toThrow(/budget|time/i)
    })

    test('numbers that are not finite never pass', async () => {
      // The square root of a negative number, on this sample only: loading sees nothing of it.
      const model = await loadModel(
        encodeModel(
          graphOf([2], (builder, input) => builder.add('Sqrt', [builder.add('Add', [input, builder.scalar(4)])])),
        ),
        { domain: [-9, 9] },
      )
      await expect(assertions[matcher](model, samplesOf([[-8, 1]]), form)).rejects.toThrow(/NaN|finite/)
    })

    test('an operator without a rule is named, with its node and with what still works', async () => {
      const graph = graphOf([2], (builder, input) => builder.add('Cosh', [input]))
      const named = { ...graph, nodes: graph.nodes.map((node) => ({ ...node, name: 'wave' })) }
      const model = await loadModel(encodeModel(named), { domain: [0, 1] })
      await expect(assertions[matcher](model, good, form)).rejects.toThrow(
        /No (gradient|bound) rule for operator Cosh \(node "wave"\).*(still work|need none)/s,
      )
    })

    test('a thread of the runtime that dies never passes', async () => {
      const model = await linear()
      const thread = threads.at(-1)!
      const send = thread.postMessage.bind(thread)
      const post = vi.spyOn(thread, 'postMessage').mockImplementation((message: { action: string }) => {
        if (message.action === 'run') queueMicrotask(() => thread.emit('exit', 1))
        else send(message)
      })
      await expect(assertions[matcher](model, good, form)).rejects.toThrow('thread ended unexpectedly')
      post.mockRestore()
      // The next check has a thread again.
      await assertions[matcher](await linear(), good, 'plain')
    })
  })
})

describe('attacks that find nothing', () => {
  afterEach(() => vi.restoreAllMocks())

  test('say that gradients vanished', async () => {
    const model = await loadModel(
      denseModel(
        {
          weights: [
            [1, 0],
            [0, 1],
          ],
          bias: [-5, -5],
          activation: 'Relu',
        },
        {
          weights: [
            [1, 0],
            [0, 1],
          ],
          bias: [1, 0],
        },
      ),
      { domain: [0, 1] },
    )
    for (const attack of [fgsm({ epsilon: 0.1 }), pgd({ epsilon: 0.1 }), deepFool({ norm: 'l2' })]) {
      const { warnings, fooled } = await attackModel(model, attack, { inputs: good.inputs, seed: 1 })
      expect(fooled).toBe(0)
      expect(warnings.join('\n')).toMatch(/gradient/)
    }
  })
})
