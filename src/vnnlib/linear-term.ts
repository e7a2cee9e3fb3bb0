import { type Expression, printExpression } from './expressions.js'
import { PropertyError } from './property-error.js'

/** A constant plus a multiple of each variable that occurs. */
export interface LinearTerm {
  readonly constant: number
  readonly coefficients: ReadonlyMap<string, number>
}

/**
 * An arithmetic expression over the declared variables.
 * @throws PropertyError where it is not linear, or names something else.
 */
export function readTerm(expression: Expression, variables: ReadonlySet<string>): LinearTerm {
  const { line, atom, items } = expression
  if (atom !== undefined) return readAtom(atom, line, variables)
  const [operator, ...operands] = items!
  const terms = operands.map((operand) => readTerm(operand, variables))
  const [first, ...rest] = terms
  const unary = operator?.atom === '-' && terms.length === 1
  if (unary) return scale(first, -1)
  if (terms.length >= 2) {
    switch (operator?.atom) {
      case '+':
        return terms.reduce(sum)
      case '-':
        return rest.reduce((difference, term) => sum(difference, scale(term, -1)), first)
      case '*':
        return terms.reduce((product, term) => multiply(product, term, expression))
      case '/':
        if (terms.length === 2 && isConstant(rest[0]) && rest[0].constant !== 0)
          return scale(first, 1 / rest[0].constant)
    }
  }
  throw new PropertyError(line, `${printExpression(expression)} is no linear expression`)
}

function readAtom(atom: string, line: number, variables: ReadonlySet<string>): LinearTerm {
  if (variables.has(atom)) return { constant: 0, coefficients: new Map([[atom, 1]]) }
  const constant = Number(atom)
  if (Number.isFinite(constant)) return { constant, coefficients: new Map() }
  throw new PropertyError(line, `${atom} is neither a number nor a declared variable`)
}

function multiply(left: LinearTerm, right: LinearTerm, expression: Expression): LinearTerm {
  if (isConstant(left)) return scale(right, left.constant)
  if (isConstant(right)) return scale(left, right.constant)
  throw new PropertyError(
    expression.line,
    `${printExpression(expression)} multiplies variables; constraints have to be linear`,
  )
}

function isConstant({ coefficients }: LinearTerm): boolean {
  return coefficients.size === 0
}

export function sum(left: LinearTerm, right: LinearTerm): LinearTerm {
  const coefficients = new Map(left.coefficients)
  for (const [variable, coefficient] of right.coefficients) {
    coefficients.set(variable, (coefficients.get(variable) ?? 0) + coefficient)
  }
  return { constant: left.constant + right.constant, coefficients }
}

export function scale({ constant, coefficients }: LinearTerm, factor: number): LinearTerm {
  return {
    constant: factor * constant,
    coefficients: new Map([...coefficients].map(([variable, coefficient]) => [variable, factor * coefficient])),
  }
}
