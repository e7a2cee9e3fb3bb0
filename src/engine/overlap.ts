import { setImmediate } from 'node:timers/promises'

/**
 * Does the work of all items and gives the results in order. The next item is begun before the result of one is there:
 * what is prepared for it in JavaScript is ready when the graph that runs for the other, in a thread of its own, is done.
 * @throws what the work of an item threw, once no work is under way.
 */
export async function* overlap<Item, Result>(
  items: Iterable<Item> | AsyncIterable<Item>,
  work: (item: Item, index: number) => Promise<Result>,
): AsyncGenerator<Result, void> {
  const underWay: Promise<Result>[] = []
  try {
    let index = 0
    for await (const item of items) {
      // The graph of one comes before the preparation of the next.
      if (underWay.length > 0) await setImmediate()
      const result = work(item, index++)
      // It is awaited later: until then a failure must not count as unhandled.
      result.catch(() => {})
      underWay.push(result)
      if (underWay.length === 2) yield await underWay.shift()!
    }
    for (const result of underWay) yield await result
  } finally {
    await Promise.allSettled(underWay)
  }
}
