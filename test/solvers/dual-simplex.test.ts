import { describe, expect, test } from 'vitest'
import { type RandomSource, randomSource } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import { DualSimplex, type Equation } from '../../src/solvers/dual-simplex.js'
import { minimumOf } from '../exact/mixed-integer.mjs'
import { seed } from '../seed.js'

interface Program {
  readonly equations: readonly Equation[]
  readonly lower: Float64Array
  readonly upper: Float64Array
  readonly cost: Float64Array
}

const goOn = async () => true

/** With a slack for each equation, the last variables. */
function randomProgram(
  random: RandomSource,
  [rows, columns] = [1 + Math.floor(6 * random.uniform()), 2 + Math.floor(8 * random.uniform())],
): Program {
  const variables = columns + rows
  const equations = range(rows).map((row): Equation => {
    const used = range(columns).filter(() => random.uniform() < 0.7)
    return {
      columns: Int32Array.from([...used, columns + row]),
      values: Float64Array.from([...used.map(() => random.normal()), 1]),
      right: 0.5 * random.normal(),
    }
  })
  // Whole numbers: bounds that meet, costs of zero and ties are what the method must bear.
  const whole = () => Math.round(2 * random.normal())
  const lower = Float64Array.from({ length: variables }, whole)
  const upper = lower.map((low) => low + 3 * Math.abs(whole()))
  return { equations, lower, upper, cost: Float64Array.from({ length: variables }, whole) }
}

/** Undefined where there is no solution. */
function minimumByHighs({ equations, lower, upper, cost }: Program): Promise<number | undefined> {
  const sum = (values: ArrayLike<number>, columns: ArrayLike<number>) =>
    Array.from(values, (value, index) => `${value < 0 ? '-' : '+'} ${Math.abs(value)} v${columns[index]}`).join(' ')
  return minimumOf(
    [
      'Minimize',
      ` objective: ${sum(cost, [...cost.keys()])}`,
      'Subject To',
      ...equations.map(({ columns, values, right }, row) => ` e${row}: ${sum(values, columns)} = ${right}`),
      'Bounds',
      ...Array.from(lower, (low, variable) => ` ${low} <= v${variable} <= ${upper[variable]}`),
      'End',
    ].join('\n'),
  )
}

function solverOf({ equations, lower, upper, cost }: Program): DualSimplex {
  const slacks = range(equations.length).map((row) => lower.length - equations.length + row)
  const solver = new DualSimplex(equations, lower.slice(), upper.slice(), slacks)
  solver.cost.set(cost)
  return solver
}

/** What the multipliers say that the minimum is at least. */
function lowerBound({ lower, upper }: Program, solver: DualSimplex): number {
  const { slopes, offset } = solver.reduced()
  return slopes.reduce((sum, slope, variable) => sum + slope * (slope > 0 ? lower : upper)[variable], offset)
}

async function checkSolved(program: Program, solver: DualSimplex): Promise<void> {
  const { equations, lower, upper, cost } = program
  const expected = await minimumByHighs(program)
  const status = await solver.minimise(1e6, goOn)
  if (expected === undefined) {
    expect(status).toBe('beyond')
    expect(lowerBound(program, solver)).toBeGreaterThan(1e6)
    return
  }
  expect(status).toBe('solved')
  const { values } = solver
  values.forEach((value, variable) => {
    expect(value).toBeGreaterThan(lower[variable] - 1e-8)
    expect(value).toBeLessThan(upper[variable] + 1e-8)
  })
  for (const { columns, values: factors, right } of equations) {
    const sum = columns.reduce((sum, variable, index) => sum + factors[index] * values[variable], 0)
    expect(Math.abs(sum - right)).toBeLessThan(1e-8)
  }
  const objective = cost.reduce((sum, each, variable) => sum + each * values[variable], 0)
  expect(Math.abs(objective - expected)).toBeLessThan(1e-6)
  expect(Math.abs(lowerBound(program, solver) - expected)).toBeLessThan(1e-6)
}

describe('DualSimplex', () => {
  test('finds the minimum that HiGHS finds, also where it starts from what was solved before', async () => {
    const random = randomSource(seed)
    let solvable = 0
    for (const _ of range(150)) {
      const program = randomProgram(random)
      const solver = solverOf(program)
      await checkSolved(program, solver)
      if ((await minimumByHighs(program)) !== undefined) solvable++
      for (const _ of range(3)) {
        const { lower, upper, cost } = randomProgramLike(program, random)
        solver.lower.set(lower)
        solver.upper.set(upper)
        solver.cost.set(cost)
        await checkSolved({ ...program, lower, upper, cost }, solver)
      }
    }
    expect(solvable).toBeGreaterThan(30)
  })

  test('knows early that the minimum is above a limit', async () => {
    const random = randomSource(seed)
    for (const _ of range(100)) {
      const program = randomProgram(random)
      const expected = await minimumByHighs(program)
      if (expected === undefined) continue
      const above = solverOf(program)
      await above.minimise(expected - 0.1, goOn)
      expect(lowerBound(program, above)).toBeGreaterThan(expected - 0.1)
      expect(lowerBound(program, above)).toBeLessThan(expected + 1e-6)
      expect(await solverOf(program).minimise(expected + 0.1, goOn)).toBe('solved')
    }
  })

  test('stops in the middle when it is told to, with multipliers that hold', async () => {
    const random = randomSource(seed)
    const size = 250
    // Zero for all but the slacks is a solution.
    const upper = Float64Array.from({ length: 2 * size }, (_, variable) => (variable < size ? random.uniform() : 3))
    const program = { ...randomProgram(random, [size, size]), lower: upper.map((high) => -high), upper }
    const solved = solverOf(program)
    let asked = 0
    expect(await solved.minimise(1e9, async () => ++asked > 0)).toBe('solved')
    expect(asked).toBeGreaterThan(0)
    const stopped = solverOf(program)
    expect(await stopped.minimise(1e9, async () => false)).toBe('stalled')
    expect(lowerBound(program, stopped)).toBeLessThan(lowerBound(program, solved))
    expect(lowerBound(program, stopped)).toBeGreaterThan(Number.NEGATIVE_INFINITY)
  })

  test('takes variables from bound to bound where no equation is in the way', async () => {
    const equations = [{ columns: Int32Array.of(0, 1, 2), values: Float64Array.of(1, 1, 1), right: 2 }]
    const program = {
      equations,
      lower: Float64Array.of(-1, -1, -9),
      upper: Float64Array.of(1, 1, 9),
      cost: Float64Array.of(-2, 1, 0),
    }
    const solver = solverOf(program)
    expect(await solver.minimise(0, goOn)).toBe('solved')
    expect([...solver.values]).toEqual([1, -1, 2])
    // Now the slack may not be more than 1/2.
    solver.upper[2] = 0.5
    expect(await solver.minimise(0, goOn)).toBe('solved')
    expect([...solver.values]).toEqual([1, 0.5, 0.5])
  })
})

/** Other bounds and costs for the same equations. */
function randomProgramLike({ equations, lower: before }: Program, random: RandomSource): Program {
  const whole = () => Math.round(2 * random.normal())
  const lower = before.map(whole)
  const upper = lower.map((low) => low + 3 * Math.abs(whole()))
  return { equations, lower, upper, cost: before.map(whole) }
}
