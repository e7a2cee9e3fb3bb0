/** A computation that yields several questions at a time and goes on with their answers, in the same order. */
export type Search<Question, Answer, Result> = Generator<readonly Question[], Result, readonly Answer[]>

/** Makes one computation of several that do not wait for each other: what they ask at a time is asked together. */
export function* sideBySide<Question, Answer, Result>(
  searches: readonly Search<Question, Answer, Result>[],
): Search<Question, Answer, Result[]> {
  const results = new Array<Result>(searches.length)
  let pending = searches.map((search, position) => ({ search, position, state: search.next() }))
  while (true) {
    for (const { state, position } of pending) if (state.done) results[position] = state.value
    pending = pending.filter(({ state }) => !state.done)
    if (pending.length === 0) return results
    const asked = pending.map(({ state }) => state.value as readonly Question[])
    const answers = yield asked.flat()
    let first = 0
    pending = pending.map(({ search, position }, index) => {
      first += asked[index].length
      const own = answers.slice(first - asked[index].length, first)
      return { search, position, state: search.next(own) }
    })
  }
}
