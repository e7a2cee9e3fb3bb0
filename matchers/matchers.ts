import type { Attack } from '../src/attacks/attack.js'
import type { RegressionAttack } from '../src/attacks/regression/regression-attack.js'
import type { Bound } from '../src/bounds/bound.js'
import { type BudgetRequest, budgetSettings } from '../src/budget.js'
import type { Evidence } from '../src/checks/evidence.js'
import type { Samples } from '../src/sampling/samples.js'
import type { Property } from '../src/vnnlib/property.js'
import { isRegressor } from './arguments.js'
import { conclude, leaveToFirstShard, type MatcherResult, type RunningTest } from './assertion.js'
import { CheckProgress } from './progress.js'
import { allOfIt, isLeftToFirstShard, type PartOfCheck, partOfCheck } from './shard.js'
import { checkLowerBound, type LowerBoundAboveOptions } from './to-have-lower-bound-above.js'
import { checkBoundValidity, type ValidLowerBoundsOptions } from './to-have-valid-lower-bounds.js'
import { type BaselinePlace, checkBaseline, type RobustnessBaselineOptions } from './to-match-robustness-baseline.js'
import { checkAttackResistance, type ResistAttackOptions } from './to-resist-attack.js'
import { checkRegressionResistance, type ResistRegressionAttackOptions } from './to-resist-regression-attack.js'
import { checkProperty, type SatisfyPropertyOptions } from './to-satisfy-property.js'

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
  /**
   * The model withstands the attack, or is certified by the bound, as well as when the baseline was stored: in
   * `__robustness__` beside the test file, where it is written and updated (-u) as snapshots are.
   */
  toMatchRobustnessBaseline(method: Attack | Bound, options: RobustnessBaselineOptions): Promise<void>
  /**
   * No input in the boxes of the property meets one of its unsafe cases: proved for the model as it runs in float32. A
   * string is the path of a VNN-LIB file, relative to the working directory.
   */
  toSatisfyProperty(property: string | Property, options?: SatisfyPropertyOptions): Promise<void>
}

// A union instead of overloads: the types of `resolves` see only the last overload.
type ClassifierCheck = [attack: Attack, options: ResistAttackOptions]
type RegressorCheck = [attack: RegressionAttack, options: ResistRegressionAttackOptions]

/** What a runner binds to `this` in a matcher. */
export interface MatcherContext {
  readonly isNot?: boolean
  readonly testPath?: string
  readonly currentTestName?: string
  readonly snapshotState?: object
}

interface CheckOptions {
  readonly samples: Samples
  readonly budget?: BudgetRequest
}

/** The matchers for one runner. `runningTest` is called before anything is awaited, while the test is still current. */
export function createMatchers<Context extends MatcherContext>(runningTest: (context: Context) => RunningTest) {
  async function assertCheck<Options extends CheckOptions>(
    context: Context,
    given: Options,
    received: unknown,
    check: (options: Options, part: PartOfCheck, progress: CheckProgress, test: RunningTest) => Promise<Evidence>,
  ): Promise<MatcherResult> {
    const test = runningTest(context)
    const negated = context.isNot === true
    // Which check of the test fails is not known before all shards are merged.
    if (test.expectedToFail && isLeftToFirstShard()) return leaveToFirstShard(negated, test)
    const options = { ...given, budget: { ...test.budget, ...budgetSettings(given?.budget) } }
    const part = test.expectedToFail ? allOfIt : partOfCheck(options)
    const progress = new CheckProgress(received)
    try {
      return conclude(await check(options, part, progress, test), negated, test, part.shard)
    } finally {
      progress.stop()
    }
  }

  return {
    toResistAttack(this: Context, received: unknown, ...[attack, given]: ClassifierCheck | RegressorCheck) {
      return assertCheck<ResistAttackOptions & ResistRegressionAttackOptions>(
        this,
        given,
        received,
        async (options, part, progress) => {
          const checked = [progress.watch(part.attack(attack)), part.options(options)] as const
          return isRegressor(received)
            ? checkRegressionResistance(received, ...checked)
            : checkAttackResistance(received, ...checked)
        },
      )
    },
    toHaveLowerBoundAbove(this: Context, received: unknown, radius: number, given: LowerBoundAboveOptions) {
      return assertCheck(this, given, received, (options, part, progress) => {
        // Nothing is drawn: the seed that the shards share is not for it.
        const { samples } = part.options(options)
        return checkLowerBound(received, radius, { ...options, samples, bound: progress.watch(options.bound) })
      })
    },
    toHaveValidLowerBounds(this: Context, received: unknown, given: ValidLowerBoundsOptions) {
      return assertCheck(this, given, received, (options, part, progress) => {
        const { attacks, bound, ...others } = part.options(options)
        const watched = attacks?.map((attack) => progress.watch(part.attack(attack)))
        return checkBoundValidity(received, {
          ...others,
          bound: progress.watch(bound),
          ...(watched && { attacks: watched }),
        })
      })
    },
    toMatchRobustnessBaseline(
      this: Context,
      received: unknown,
      method: Attack | Bound,
      given: RobustnessBaselineOptions,
    ) {
      return assertCheck(this, given, received, async (options, part, progress, { baselines }) => {
        const circumstances = { place: baselines, negated: this.isNot === true, part }
        const { baseline, warnings, ...evidence } = await checkBaseline(
          received,
          progress.watch(method),
          options,
          circumstances,
        )
        // What an update accepts is to be seen even where no reporter shows the warnings of a test that passed.
        if (baseline.state === 'updated') for (const warning of warnings) console.warn(`unfooled: ${warning}`)
        return { ...evidence, baseline, warnings }
      })
    },
    async toSatisfyProperty(
      this: Context,
      received: unknown,
      property: string | Property,
      given: SatisfyPropertyOptions = {},
    ) {
      const test = runningTest(this)
      const negated = this.isNot === true
      // A property has no samples to share.
      if (isLeftToFirstShard()) return leaveToFirstShard(negated, test)
      const budget = { ...test.budget, ...budgetSettings(given.budget) }
      return conclude(await checkProperty(received, property, { ...given, budget }), negated, test)
    },
  }
}

/** Every run of a test file has a state of snapshots of its own. */
const modelsOfRuns = new WeakMap<object, Map<string, string>>()

/** Where the test keeps its baselines, as both runners tell matchers. */
export function baselinePlace({ testPath, currentTestName, snapshotState }: MatcherContext): BaselinePlace {
  const update = (snapshotState as { readonly _updateSnapshot?: unknown } | undefined)?._updateSnapshot
  return {
    testFile: testPath,
    test: currentTestName,
    update: update === 'all' || update === 'new' ? update : 'none',
    models: snapshotState && modelsOf(snapshotState),
  }
}

function modelsOf(run: object): Map<string, string> {
  const models = modelsOfRuns.get(run) ?? new Map<string, string>()
  modelsOfRuns.set(run, models)
  return models
}
