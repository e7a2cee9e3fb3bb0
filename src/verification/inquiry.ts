import type { BoundedModel } from '../bounds/bounded-model.js'
import { Refinement } from '../bounds/refinement.js'
import type { Budget } from '../budget.js'
import { projectOntoBall } from '../geometry/projection.js'
import { elementCount } from '../graph/graph.js'
import { range } from '../sampling/rows.js'
import type { Inputs } from '../sampling/samples.js'
import { type Box, joinBoxes } from './boxes.js'
import type { Answer, Confirm, Counterexample, Question, Row } from './question.js'

/** A part of the box of a question, with the cases that it might still hold. Where the question has a ball, that counts too. */
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

  /** Of parts that are all of what their questions range over: with the balls, if there are any. */
  refinementOf(parts: readonly Part[], budget: Budget): Refinement {
    const balls = parts.flatMap(({ question }) => this.questions[question].ball ?? [])
    if (balls.length === 0) return Refinement.over(this.model, joinBoxes(parts), budget)
    const centres = this.#inputs(balls.map(({ center }) => center))
    const radii = balls.map(({ radius }) => radius)
    const settings = { domain: 'intersect', rounding: 'covered', precision: 'float32' } as const
    return Refinement.around(this.model, centres, radii, { norm: balls[0].norm, ...settings }, budget)
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

  /** Asks the deployed model about points of the boxes of some questions, moved into the balls, if there are any. */
  async propose(all: readonly Float32Array[], theirs: readonly number[]): Promise<void> {
    // Where gradients are NaN a search may end at no input at all.
    const inputs = range(all.length).filter((index) => !all[index].some(Number.isNaN))
    const [points, questions] = [inputs.map((index) => all[index]), inputs.map((index) => theirs[index])]
    if (points.length === 0) return
    const inside = points.map((point, index) => {
      const { ball, ...box } = this.questions[questions[index]]
      if (!ball) return point
      const moved = point.slice()
      projectOntoBall(moved, ball, box)
      return moved
    })
    const met = await this.#confirm(this.#inputs(inside), questions)
    met.forEach((position, index) => {
      if (position !== undefined) this.#found[questions[index]] ??= { input: inside[index], position }
    })
  }

  #inputs(points: readonly Float32Array[]): Inputs {
    const { featureShape } = this.model
    const data = new Float32Array(points.length * elementCount(featureShape))
    points.forEach((point, index) => {
      data.set(point, index * point.length)
    })
    return { data, shape: [points.length, ...featureShape] }
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
