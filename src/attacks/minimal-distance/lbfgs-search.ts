import type { Box } from '../../solvers/box.js'
import { type Evaluation, lbfgsb, type Minimum } from '../../solvers/lbfgsb.js'

// A closer minimum takes many more iterations, for which the distance changes in its fourth digit.
const tolerance = 1e-4

/** Where a search wants to know the loss: of the label against one class alone, or against all that fool. */
export interface Question {
  readonly point: Float64Array
  readonly rival: number | undefined
}

export interface Answer {
  readonly loss: number
  readonly gradient: Float32Array
  readonly adversarial: boolean
  readonly prediction: number
}

export interface SearchSettings {
  readonly origin: Float32Array
  readonly domain: Box
  /** 1, or 2 to search again with the class that was found as the only rival. */
  readonly phases: number
  readonly corrections: number
  readonly iterations: number
  readonly initialConstant: number
  readonly doublings: number
  readonly bisections: number
}

/**
 * Algorithm 1 for one sample. A second phase has the class that was found as the only rival: the others, as far as the
 * model thinks them possible, draw the first one away from the shortest way.
 * @param report Is told after each C how many iterations it took, and how much of the work is done.
 */
export function* smallestPerturbation(
  { origin, domain, phases, corrections, iterations, initialConstant, doublings, bisections }: SearchSettings,
  report: (iterations: number, fraction: number) => void,
): Generator<Question, 'finished', Answer> {
  let point: Float64Array = Float64Array.from(origin)
  let constant = 2 * initialConstant
  let rival: number | undefined
  let found: number | undefined
  for (let phase = 0; phase < phases; phase++) {
    let attempts = 0
    function* succeeds(candidate: number): Generator<Question, boolean, Answer> {
      const search = lbfgsb<Objective>(point, domain, { corrections, iterations, tolerance })
      const end = yield* minimise(origin, { constant: candidate, rival }, search)
      point = end.point
      attempts++
      report(end.iterations, (phase + attempts / (doublings + bisections + 1)) / phases)
      const { adversarial, prediction } = end.evaluation
      if (adversarial) found = prediction
      return adversarial
    }
    const bracket = yield* bracketConstant(constant, doublings, succeeds)
    if (!bracket) break
    let [failing, succeeding] = bracket
    for (let bisection = 0; bisection < bisections; bisection++) {
      const middle = (failing + succeeding) / 2
      if (yield* succeeds(middle)) succeeding = middle
      else failing = middle
    }
    constant = succeeding
    rival = found
  }
  return 'finished'
}

/** Doubles C until it succeeds, or halves it while it does. Returns the last C that failed and the smallest that did not. */
function* bracketConstant(
  first: number,
  doublings: number,
  succeeds: (constant: number) => Generator<Question, boolean, Answer>,
): Generator<Question, [failing: number, succeeding: number] | undefined, Answer> {
  const startsWell = yield* succeeds(first)
  let constant = first
  for (let doubling = 0; doubling < doublings; doubling++) {
    const next = startsWell ? constant / 2 : constant * 2
    const isWell = yield* succeeds(next)
    if (isWell !== startsWell) return isWell ? [constant, next] : [next, constant]
    constant = next
  }
  // No C is so small that it cannot be bisected further.
  return startsWell ? [0, constant] : undefined
}

/** Turns losses into values of ½‖δ‖² + C·H for one search. */
function* minimise(
  origin: Float32Array,
  { constant, rival }: { constant: number; rival: number | undefined },
  search: ReturnType<typeof lbfgsb<Objective>>,
): Generator<Question, Minimum<Objective>, Answer> {
  let state = search.next()
  while (!state.done) {
    const point = state.value
    state = search.next(objective(origin, constant, point, yield { point, rival }))
  }
  return state.value
}

interface Objective extends Evaluation {
  readonly adversarial: boolean
  readonly prediction: number
}

function objective(origin: Float32Array, constant: number, point: Float64Array, answer: Answer): Objective {
  const { loss, adversarial, prediction } = answer
  let squares = 0
  const gradient = new Float64Array(point.length)
  for (let index = 0; index < point.length; index++) {
    const displacement = point[index] - origin[index]
    squares += displacement ** 2
    gradient[index] = displacement + constant * answer.gradient[index]
  }
  return { value: squares / 2 + constant * loss, gradient, adversarial, prediction }
}
