import { afterAll, expect, test } from 'vitest'
import { Balls } from '../../src/bounds/balls.js'
import { type BoundTask, doTasks } from '../../src/bounds/bound-tasks.js'
import { boundingByIntervals, tightening } from '../../src/bounds/intermediate-bounds.js'
import { boundingLogits } from '../../src/bounds/relaxed-rows.js'
import { BestRows } from '../../src/bounds/row-bounds.js'
import { marginRows } from '../../src/bounds/rows.js'
import { startBudget } from '../../src/budget.js'
import { engine } from '../../src/engine/engine.js'
import { nonlinearInputs } from '../../src/passes/bounded-values.js'
import { randomSource } from '../../src/sampling/random.js'
import { seed } from '../seed.js'
import { architectures, randomModel } from './networks.js'
import { randomInputs } from './sampling.js'

afterAll(() => engine.close())

const count = 3

test.each(Object.entries(architectures))(
  '%s: what tasks find in one run is what they find one after the other, and later ones use it',
  async (_, architecture) => {
    const random = randomSource(seed)
    const model = await randomModel(architecture, random)
    const inputs = randomInputs(model, count, random)
    const settings = { norm: 'linf', domain: 'intersect', rounding: 'covered', precision: 'float32' } as const
    const budget = startBudget()
    const find = async (run: (balls: Balls, tasks: readonly BoundTask[]) => Promise<void>, tighten: boolean) => {
      const balls = Balls.around(model, inputs, [0.05, 0.1, 0.2], settings)
      const values = nonlinearInputs(model.graph)
      await run(balls, [await boundingByIntervals(balls, values)])
      let tighter: BoundTask[] = []
      for (const value of tighten ? values : []) {
        const elements = Int32Array.from(balls.boundsOf(value).lower.keys())
        tighter = await tightening(balls, value, elements, 0, tighter, budget)
      }
      const rows = marginRows(new Int32Array(count), model.classes)
      const best = new BestRows(rows.sample.length, 'float32')
      const relaxation = { frontier: 'input', steps: 0, gives: 'functions' } as const
      await run(balls, [...tighter, boundingLogits(balls, rows, relaxation, best)])
      return { best, values: values.map((value) => balls.boundsOf(value)) }
    }
    const inOne = (balls: Balls, tasks: readonly BoundTask[]) => doTasks(balls, tasks, budget)
    const oneByOne = async (balls: Balls, tasks: readonly BoundTask[]) => {
      for (const task of tasks) await doTasks(balls, [task], budget)
    }
    const together = await find(inOne, true)
    expect(together).toEqual(await find(oneByOne, true))
    const loose = await find(inOne, false)
    const isTighter = [...together.best.bounds].map((bound, row) => bound > loose.best.bounds[row])
    expect(isTighter).toContain(true)
  },
)
