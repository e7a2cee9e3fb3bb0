/** A computation that yields questions and goes on with their answers. */
export type Inquiry<Question, Answer, Result> = Generator<Question, Result, Answer>

/**
 * Runs computations side by side: the questions that they ask at a time are answered together, so that one run of a
 * model serves all. Each goes its own way; finished ones ask no more.
 * @param answer Gets the questions and the positions of those who ask. Undefined ends all: their results are missing.
 */
export async function runTogether<Question, Answer, Result>(
  inquiries: readonly Inquiry<Question, Answer, Result>[],
  answer: (questions: readonly Question[], askers: readonly number[]) => Promise<readonly Answer[] | undefined>,
): Promise<(Result | undefined)[]> {
  const results = new Array<Result | undefined>(inquiries.length).fill(undefined)
  let pending = inquiries.map((inquiry, position) => ({ position, state: inquiry.next() }))
  while (true) {
    const asking: { position: number; question: Question }[] = []
    for (const { position, state } of pending) {
      if (state.done) results[position] = state.value
      else asking.push({ position, question: state.value })
    }
    if (asking.length === 0) return results
    const answers = await answer(
      asking.map(({ question }) => question),
      asking.map(({ position }) => position),
    )
    if (answers === undefined) return results
    pending = asking.map(({ position }, index) => ({ position, state: inquiries[position].next(answers[index]) }))
  }
}
