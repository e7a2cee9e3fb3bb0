import { createHash } from 'node:crypto'
import { type Expression, printExpression, readExpressions } from './expressions.js'
import { type Conjunction, conjoin, readFormula } from './formula.js'
import type { Property, UnsafeCase } from './property.js'
import { PropertyError } from './property-error.js'

/**
 * Reads a VNN-LIB 1.0 text: real variables X_0, X_1, … and Y_0, Y_1, …, the inputs and outputs in row-major order, and
 * assertions that together describe what must not happen, linear in both, with `and` and `or` at any depth.
 * @throws PropertyError for everything else, with the line.
 */
export function parseProperty(text: string, name: string): Property {
  const variables = new Set<string>()
  const assertions: (readonly Conjunction[])[] = []
  for (const expression of readExpressions(text)) {
    const [command, ...operands] = expression.items ?? []
    if (command?.atom === 'declare-const' || command?.atom === 'declare-fun') variables.add(declared(expression))
    else if (command?.atom === 'assert' && operands.length === 1) assertions.push(readFormula(operands[0], variables))
    else if (!ignored.has(command?.atom ?? '')) {
      throw new PropertyError(expression.line, `${printExpression(expression)} is no command of VNN-LIB 1.0`)
    }
  }
  if (assertions.length === 0) throw new PropertyError(undefined, `${name} asserts nothing: it is no property.`)
  const [inputs, outputs] = ['X', 'Y'].map((letter) => countVariables(letter, variables, name))
  return {
    name,
    sha256: createHash('sha256').update(text).digest('hex'),
    inputs,
    outputs,
    cases: conjoin(assertions, 1).flatMap((conjunction) => unsafeCase(conjunction, inputs) ?? []),
  }
}

const ignored = new Set(['set-logic', 'set-info', 'set-option', 'check-sat', 'get-model', 'exit'])

function declared(expression: Expression): string {
  const { line, items } = expression
  const [, { atom: variable = '' } = {}, ...type] = items!
  if (!/^[XY]_\d+$/.test(variable) || type.at(-1)?.atom !== 'Real') {
    throw new PropertyError(line, `${printExpression(expression)} declares no real variable X_i or Y_i`)
  }
  return variable
}

/** Variables are numbered from 0 without gaps. */
function countVariables(letter: string, variables: ReadonlySet<string>, name: string): number {
  const count = [...variables].filter((variable) => variable.startsWith(letter)).length
  const missing = Array.from({ length: count }, (_, index) => `${letter}_${index}`).find((each) => !variables.has(each))
  if (count > 0 && missing === undefined) return count
  throw new PropertyError(
    undefined,
    `${name} declares ${count} variables ${letter}_i, but no ${missing ?? `${letter}_0`}.`,
  )
}

/** Undefined where no input and output can meet the constraints that are about one input or about none. */
function unsafeCase(conjunction: Conjunction, inputs: number): UnsafeCase | undefined {
  const lower = new Float64Array(inputs).fill(Number.NEGATIVE_INFINITY)
  const upper = new Float64Array(inputs).fill(Number.POSITIVE_INFINITY)
  const constraints: UnsafeCase['constraints'][number][] = []
  for (const { constant, coefficients } of conjunction) {
    const terms = [...coefficients].filter(([, coefficient]) => coefficient !== 0)
    const of = (letter: string) =>
      new Map(
        terms
          .filter(([variable]) => variable.startsWith(letter))
          .map(([variable, coefficient]) => [Number(variable.slice(2)), coefficient]),
      )
    const [overInputs, overOutputs] = [of('X'), of('Y')]
    if (terms.length === 0) {
      if (constant > 0) return undefined
    } else if (terms.length === 1 && overInputs.size === 1) {
      const [[index, coefficient]] = overInputs
      const end = -constant / coefficient
      if (coefficient > 0) upper[index] = Math.min(upper[index], end)
      else lower[index] = Math.max(lower[index], end)
    } else constraints.push({ inputs: overInputs, outputs: overOutputs, bound: 0 - constant })
  }
  return lower.some((low, index) => low > upper[index]) ? undefined : { lower, upper, constraints }
}
