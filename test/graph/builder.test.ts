import { afterAll, expect, test } from 'vitest'
import { compileGraph } from '../../src/engine/compiled-graph.js'
import { engine } from '../../src/engine/engine.js'
import { GraphBuilder } from '../../src/graph/builder.js'
import type { GraphNode } from '../../src/graph/graph.js'

afterAll(() => engine.close())

test('a loop carries values on, and computes what no trip changes before it', async () => {
  // x ← 2x + trip: from 1 it goes to 2, 5 and 12, from −1 to −2, −3 and −4.
  const builder = new GraphBuilder(18)
  const start = builder.input('start', 'float32', ['count'])
  const [end, least] = builder.loop(3, [start, start], (trip, [value, smallest]) => {
    const two = builder.add('Add', [builder.scalar(1), builder.add('Neg', [builder.scalar(-1)])])
    const next = builder.add('Add', [builder.add('Mul', [value, two]), builder.add('Cast', [trip], { to: 1 })])
    return [next, builder.add('Min', [smallest, value])]
  })
  builder.output('end', end)
  builder.output('least', least)
  const graph = builder.build()
  expect(graph.nodes.map(({ operator }) => operator)).toEqual(['Neg', 'Add', 'Loop'])
  const compiled = await compileGraph(graph, false)
  const results = await compiled.run({ start: { type: 'float32', shape: [2], data: Float32Array.of(1, -1) } })
  expect([...(results.end.data as Float32Array)]).toEqual([12, -4])
  expect([...(results.least.data as Float32Array)]).toEqual([1, -3])
  await compiled.release()
})

test('what a trip made is not used behind the loop', () => {
  const builder = new GraphBuilder(18)
  const value = builder.input('value', 'float32', [1])
  const negated = (name: string) => builder.once('negated', () => builder.add('Neg', [name]))
  const [end] = builder.loop(2, [value], (_, [carried]) => [negated(carried)])
  expect(negated(end)).toBe(builder.add('Neg', [end]))
})

test('nodes and constants that are the same are made once, unless they differ in an attribute or a sign of zero', () => {
  const builder = new GraphBuilder(18)
  const value = builder.input('value', 'float32', [2])
  const sum = (numbers: number[]) => builder.add('Add', [value, builder.floats(numbers)])
  expect(sum([1, 2])).toBe(sum([1, 2]))
  expect(sum([0, 2])).not.toBe(sum([-0, 2]))
  const concatenated = (axis: number) => builder.add('Concat', [value, value], { axis })
  expect(concatenated(0)).toBe(concatenated(0))
  expect(concatenated(0)).not.toBe(concatenated(1))
})

test('parts of a node are not shared with others: what bounds do not cover stays that', () => {
  const builder = new GraphBuilder(18)
  const value = builder.input('value', 'float32', [2])
  const whole: GraphNode = {
    operator: 'GroupNormalization',
    name: 'whole',
    domain: '',
    inputs: ['value'],
    outputs: ['other'],
    attributes: new Map(),
  }
  const before = builder.add('Relu', [value])
  const part = builder.partsOf(whole, true, () => builder.add('Relu', [value]))
  const behind = builder.add('Relu', [value])
  expect(new Set([before, part, behind]).size).toBe(3)
  builder.output('part', part)
  expect(builder.build().nodes).toMatchObject([{ name: 'whole (part 1)', partOf: whole }])
})
