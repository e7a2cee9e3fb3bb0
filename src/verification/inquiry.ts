import type { BoundedModel } from '../bounds/bounded-model.js'
import { elementCount } from '../graph/graph.js'
import type { Box } from './boxes.js'
import type { Answer, Confirm, Counterexample, Question, Row } from './question.js'

/** A part of the box of a question, with the cases that it might still hold. */
export interface Part extends Box {
  /** Position of the question. */
  readonly question: number
  /** Positions of cases. */
  readonly open: readonly number[]
}

/** Questions under way: what is still open, and what was found. */
export class Inquiry {
  readonly model: BoundedModel
  readonly questions: readonly Question[]
  readonly #confirm: Confirm
  readonly #found: (Counterexample | undefined)[]
  readonly #undecided: Set<number>[]

  constructor(model: BoundedModel, questions: readonly Question[], confirm: Confirm) {
    this.model = model
    this.questions = questions
    this.#confirm = confirm
    this.#found = questions.map(() => undefined)
    this.#undecided = questions.map(() => new Set())
  }

  /** The whole boxes with all their cases. */
  get whole(): Part[] {
    return this.questions.map(({ lower, upper, cases }, question) => ({
      lower,
      upper,
      question,
      open: [...cases.keys()],
    }))
  }

  /** Those parts whose question has no counterexample. */
  unanswered(parts: readonly Part[]): Part[] {
    return parts.filter(({ question }) => !this.#found[question])
  }

  rowsOf({ question, open }: Part): Row[] {
    const rows = open.flatMap((position) => this.questions[question].cases[position])
    return rows.filter((row, index) => rows.findIndex((other) => isSame(row, other)) === index)
  }

  /** The part without the cases with a row that is positive throughout; undefined where none is left. */
  without(part: Part, positive: readonly Row[]): Part | undefined {
    const { cases } = this.questions[part.question]
    const open = part.open.filter(
      (position) => !cases[position].some((row) => positive.some((other) => isSame(row, other))),
    )
    return open.length === 0 ? undefined : { ...part, open }
  }

  /** Asks the deployed model about points of the boxes of some questions. */
  async propose(points: readonly Float32Array[], questions: readonly number[]): Promise<void> {
    if (points.length === 0) return
    const { featureShape } = this.model
    const data = new Float32Array(points.length * elementCount(featureShape))
    points.forEach((point, index) => {
      data.set(point, index * point.length)
    })
    const met = await this.#confirm({ data, shape: [points.length, ...featureShape] }, questions)
    met.forEach((position, index) => {
      if (position !== undefined) this.#found[questions[index]] ??= { input: points[index], position }
    })
  }

  /** Gives up on the cases of these parts. */
  leave(parts: readonly Part[]): void {
    for (const { question, open } of parts) for (const position of open) this.#undecided[question].add(position)
  }

  get answers(): Answer[] {
    return this.questions.map(({ cases }, question) => {
      const counterexample = this.#found[question]
      return { open: counterexample ? new Set(cases.keys()) : this.#undecided[question], counterexample }
    })
  }
}

function isSame(left: Row, right: Row): boolean {
  return left.plus === right.plus && left.minus === right.minus
}
