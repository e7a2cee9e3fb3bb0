import type { Attack } from '../src/attacks/attack.js'
import type { RegressionAttack } from '../src/attacks/regression/regression-attack.js'
import { type BudgetRequest, type BudgetSettings, budgetSettings } from '../src/budget.js'
import type { Evidence } from '../src/evidence.js'
import { isRegressor } from './arguments.js'
import { conclude, type MatcherResult, type RunningTest } from './assertion.js'
import { checkLowerBound, type LowerBoundAboveOptions } from './to-have-lower-bound-above.js'
import { checkBoundValidity, type ValidLowerBoundsOptions } from './to-have-valid-lower-bounds.js'
import { checkAttackResistance, type ResistAttackOptions } from './to-resist-attack.js'
import { checkRegressionResistance, type ResistRegressionAttackOptions } from './to-resist-regression-attack.js'

/** What `expect(model)` gains. All of them are asynchronous: await them. */
export interface RobustnessMatchers {
  /**
   * The attack fools at most `maxFoolingRatio` of the samples that the model classifies correctly. Of a regressor: it moves
   * at most so many of the outputs that are within a limit beyond it.
   */
  toResistAttack(...check: ClassifierCheck | RegressorCheck): Promise<void>
  /** The bound proves, for the given fraction of the samples, that no perturbation up to the radius changes the class. */
  toHaveLowerBoundAbove(radius: number, options: LowerBoundAboveOptions): Promise<void>
  /** Neither an attack nor a random perturbation finds an adversarial example within a certified radius. */
  toHaveValidLowerBounds(options: ValidLowerBoundsOptions): Promise<void>
}

// A union instead of overloads: the types of `resolves` see only the last overload.
type ClassifierCheck = [attack: Attack, options: ResistAttackOptions]
type RegressorCheck = [attack: RegressionAttack, options: ResistRegressionAttackOptions]

/** What a runner binds to `this` in a matcher. */
export interface MatcherContext {
  readonly isNot?: boolean
}

/** The matchers for one runner. `runningTest` is called before anything is awaited, while the test is still current. */
export function createMatchers<Context extends MatcherContext>(runningTest: (context: Context) => RunningTest) {
  async function assertCheck(
    context: Context,
    budget: BudgetRequest | undefined,
    check: (budget: BudgetSettings) => Promise<Evidence>,
  ): Promise<MatcherResult> {
    const test = runningTest(context)
    return conclude(await check({ ...test.budget, ...budgetSettings(budget) }), context.isNot === true, test)
  }

  return {
    toResistAttack(this: Context, received: unknown, ...[attack, options]: ClassifierCheck | RegressorCheck) {
      return assertCheck(this, options?.budget, (budget) =>
        isRegressor(received)
          ? checkRegressionResistance(received, attack, { ...options, budget })
          : checkAttackResistance(received, attack, { ...options, budget }),
      )
    },
    toHaveLowerBoundAbove(this: Context, received: unknown, radius: number, options: LowerBoundAboveOptions) {
      return assertCheck(this, options?.budget, (budget) => checkLowerBound(received, radius, { ...options, budget }))
    },
    toHaveValidLowerBounds(this: Context, received: unknown, options: ValidLowerBoundsOptions) {
      return assertCheck(this, options?.budget, (budget) => checkBoundValidity(received, { ...options, budget }))
    },
  }
}
