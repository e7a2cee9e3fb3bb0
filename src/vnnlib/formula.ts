import { type Expression, printExpression } from './expressions.js'
import { type LinearTerm, readTerm, scale, sum } from './linear-term.js'
import { PropertyError } from './property-error.js'

/** Terms that are at most zero, all of them. */
export type Conjunction = readonly LinearTerm[]

// Alternatives multiply where disjunctions are joined; a text beyond this is no property that could be checked.
const mostAlternatives = 100_000

/**
 * A formula as the alternatives of which one has to hold (its disjunctive normal form).
 * @throws PropertyError for what VNN-LIB 1.0 does not have, and where there are too many alternatives.
 */
export function readFormula(expression: Expression, variables: ReadonlySet<string>): readonly Conjunction[] {
  const { line, items = [] } = expression
  const [operator, ...operands] = items
  switch (operator?.atom) {
    case 'and':
      return conjoin(
        operands.map((operand) => readFormula(operand, variables)),
        line,
      )
    case 'or':
      return operands.flatMap((operand) => readFormula(operand, variables))
    case '<=':
      return [compare(expression, variables, (left, right) => [difference(left, right)])]
    case '>=':
      return [compare(expression, variables, (left, right) => [difference(right, left)])]
    case '=':
      return [compare(expression, variables, (left, right) => [difference(left, right), difference(right, left)])]
  }
  throw new PropertyError(line, `${printExpression(expression)} is no formula: VNN-LIB 1.0 has <=, >=, =, and, or`)
}

/** All of the formulas together. */
export function conjoin(formulas: readonly (readonly Conjunction[])[], line: number): readonly Conjunction[] {
  // Most formulas have one alternative; copying the others for each of them would be quadratic.
  const certain = formulas.filter(({ length }) => length === 1).flatMap(([only]) => only)
  const uncertain = formulas.filter(({ length }) => length !== 1)
  if (uncertain.reduce((product, { length }) => product * length, 1) > mostAlternatives) {
    throw new PropertyError(line, `its disjunctions have more than ${mostAlternatives} combinations`)
  }
  return uncertain.reduce<readonly Conjunction[]>(
    (alternatives, formula) => alternatives.flatMap((left) => formula.map((right) => [...left, ...right])),
    [certain],
  )
}

function compare(
  expression: Expression,
  variables: ReadonlySet<string>,
  toConjunction: (left: LinearTerm, right: LinearTerm) => Conjunction,
): Conjunction {
  const [, ...operands] = expression.items!
  if (operands.length !== 2) {
    throw new PropertyError(
      expression.line,
      `${printExpression(expression)} compares ${operands.length} terms instead of two`,
    )
  }
  const [left, right] = operands.map((operand) => readTerm(operand, variables))
  return toConjunction(left, right)
}

function difference(left: LinearTerm, right: LinearTerm): LinearTerm {
  return sum(left, scale(right, -1))
}
