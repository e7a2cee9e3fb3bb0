import { afterAll, expect, test } from 'vitest'
import { DeviceLoop, outermostLoop } from '../../src/engine/device-loop.js'
import { engine } from '../../src/engine/engine.js'
import { floatTensor, GraphBuilder, intTensor } from '../../src/graph/builder.js'

afterAll(() => engine.close())

/** Adds a step, twice what is given, to the point until its largest coordinate exceeds a limit. */
function countingLoop() {
  const builder = new GraphBuilder(18)
  const [start, given] = ['start', 'given'].map((name) => builder.input(name, 'float32', ['batch', 2]))
  const trips = builder.input('trips', 'int64', [])
  const step = builder.add('Mul', [given, builder.scalar(2)])
  const counted = builder.add('Cast', [builder.add('ReduceSum', [given, builder.ints([1])], { keepdims: 0 })], {
    to: 7,
  })
  const body = builder.body()
  body.input('iteration', 'int64', [])
  body.input('goOn', 'bool', [])
  const point = body.input('point', 'float32', ['batch', 2])
  const count = body.input('count', 'int64', ['batch'])
  const next = body.add('Add', [point, step])
  const largest = body.add('ReduceMax', [next], { keepdims: 0 })
  body.output('going', body.add('Less', [largest, body.scalar(10)]))
  body.output('next point', next)
  body.output('next count', body.add('Add', [count, body.add('Add', ['iteration', body.int(1)])]))
  const [moved, total] = builder.addMany('Loop', [trips, '', start, counted], 2, { body: body.build() })
  builder.output('total', total)
  builder.output('moved', moved)
  return builder.build()
}

const feeds = (trips: number) => ({
  start: floatTensor(Float32Array.of(0, 1, 2, 3), [2, 2]),
  given: floatTensor(Float32Array.of(0.5, 0, 1, 0.5), [2, 2]),
  trips: intTensor([trips], []),
})

test.each([1, 3, 20])('gives what the runtime gives, with at most %i iterations', async (trips) => {
  const graph = countingLoop()
  const whole = await engine.createSession(graph)
  const loop = await DeviceLoop.load(graph, outermostLoop(graph)!, 'cpu')
  const expected = await whole.run(feeds(trips))
  expect(await loop.run(feeds(trips))).toEqual(expected)
  await loop.release()
  await whole.release()
})

test('knows what it cannot run', () => {
  const { nodes, ...graph } = countingLoop()
  expect(outermostLoop({ ...graph, nodes: nodes.filter(({ operator }) => operator !== 'Loop') })).toBeUndefined()
  expect(outermostLoop({ ...graph, nodes, outputs: [...graph.outputs, { name: 'start' }] })).toBeUndefined()
})

test('loops that are under way at once run one after the other', async () => {
  const graph = countingLoop()
  const loop = await DeviceLoop.load(graph, outermostLoop(graph)!, 'cpu')
  const ended: number[] = []
  const run = async (trips: number) => {
    await loop.run(feeds(trips))
    ended.push(trips)
  }
  await Promise.all([run(20), run(1)])
  expect(ended).toEqual([20, 1])
  await loop.release()
})
