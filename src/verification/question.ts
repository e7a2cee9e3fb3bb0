import type { Inputs } from '../sampling/samples.js'
import type { RoundBall } from './balls-and-boxes.js'
import type { Box } from './boxes.js'

/** The difference of two outputs of a model, y[plus] − y[minus]; a position of −1 stands for 0. */
export interface Row {
  readonly plus: number
  readonly minus: number
}

/** Whether a box holds an input for which all rows of one of the cases are at most zero. */
export interface Question extends Box {
  /** Default: none, all of the box counts. Its centre is in the box. */
  readonly ball?: RoundBall
  readonly cases: readonly (readonly Row[])[]
}

/**
 * The position of a case that each input meets, by a fresh run of the model as deployed; undefined where it meets none. The
 * second argument has the question that each input is for, by its position.
 */
export type Confirm = (inputs: Inputs, questions: readonly number[]) => Promise<(number | undefined)[]>

export interface Answer {
  /** Positions of the cases that could not be excluded. Empty: no input of box and ball meets any of them. */
  readonly open: ReadonlySet<number>
  /** An input that meets one of the cases; then nothing is known of the others, and all are open. */
  readonly counterexample?: Counterexample
}

export interface Counterexample {
  readonly input: Float32Array
  /** Position of the case that it meets. */
  readonly position: number
}
