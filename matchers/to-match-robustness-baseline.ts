import { refuseUnknown } from '../src/arguments.js'
import type { Attack } from '../src/attacks/attack.js'
import { recallBaseline } from '../src/baseline/recall.js'
import { describeSetting } from '../src/baseline/setting.js'
import { baselineFile } from '../src/baseline/store.js'
import type { Bound } from '../src/bounds/bound.js'
import type { BudgetRequest } from '../src/budget.js'
import { analyse } from '../src/checks/analysis.js'
import { describeModelAndSamples, describeSamples } from '../src/checks/describe.js'
import type { BaselineEvidence, Method } from '../src/checks/evidence.js'
import { SettingsError } from '../src/errors.js'
import type { Classifier } from '../src/model/classifier.js'
import { freshSeed } from '../src/sampling/random.js'
import type { Samples } from '../src/sampling/samples.js'
import { packageVersion } from '../src/version.js'
import { requireClassifier, requireMethod, requireNumber, requireSamples } from './arguments.js'
import { measureOutcomes } from './measure-outcomes.js'
import { settle } from './settle-baseline.js'
import type { PartOfCheck } from './shard.js'

export interface RobustnessBaselineOptions {
  readonly samples: Samples
  /** Tells the baselines of a test file apart. Default: the full name of the test. */
  readonly name?: string
  /** A regression is what chance alone makes in at most 1 − confidence of the runs. Default 0.99. */
  readonly confidence?: number
  /**
   * The samples are drawn anew for every run. Where they are not those of the baseline, the shares that withstand the
   * attack are compared by their intervals, in place of sample by sample: only of attacks with a fixed ε. Default false:
   * other samples are refused.
   */
  readonly resampled?: boolean
  /** Default: a fresh one, printed with every failure. */
  readonly seed?: number
  /** Default: 90 % of what is left of the test's timeout. */
  readonly budget?: BudgetRequest
}

/** Where a test keeps its baselines, and whether they may be written. */
export interface BaselinePlace {
  readonly testFile: string | undefined
  /** Full name of the test; undefined where the runner cannot tell. */
  readonly test: string | undefined
  /** As for snapshots: `new` writes those that are missing, `all` (-u) replaces others too, `none` (--ci) writes none. */
  readonly update: 'all' | 'new' | 'none'
  /** Of which model each baseline of this run of the test file is; undefined where the runner does not tell runs apart. */
  readonly models?: Map<string, string> | undefined
}

export interface BaselineCircumstances {
  readonly place: BaselinePlace
  readonly negated: boolean
  /** What is checked of the samples, which are given whole. */
  readonly part: PartOfCheck
}

/**
 * Compares what every sample withstands with what it withstood when the baseline was stored, or stores it. A sample that
 * is misclassified withstands nothing.
 */
export async function checkBaseline(
  received: unknown,
  methodGiven: unknown,
  options: RobustnessBaselineOptions,
  { place, negated, part }: BaselineCircumstances,
): Promise<BaselineEvidence> {
  const model = requireClassifier(received)
  const method = requireMethod(methodGiven)
  const samples = requireSamples(options)
  const { samples: _, name: nameGiven, confidence = 0.99, resampled = false, seed: __, budget, ...others } = options
  refuseUnknown('toMatchRobustnessBaseline', others)
  requireNumber('confidence', confidence, 'above 0.5 and below 1', (level) => level > 0.5 && level < 1)
  requireComparable(method, resampled)
  const { testFile, check } = requirePlace(place, nameGiven)
  const file = baselineFile(testFile, check)
  requireOneModel(place, check, model)

  const setting = describeSetting({
    samples: describeSamples(samples),
    labels: samples.labels,
    domain: model.domain,
    device: model.description.device,
    method: describeMethod(method),
    target: 'run' in method ? method.target : undefined,
  })
  const recalled = recallBaseline(testFile, file, { check, setting }, resampled)

  const { samples: checked, seed = freshSeed() } = part.options(options)
  const checkedMethod = part.attack(method)
  const {
    finding: measured,
    reason,
    milliseconds,
  } = await analyse(() => measureOutcomes(model, checkedMethod, checked, { seed, budget }))
  const seedOfAttack = 'run' in method ? { seed } : {}
  const asked = {
    kind: 'baseline',
    ...describeModelAndSamples(model.description, checked),
    method: describeMethod(checkedMethod),
    confidence,
    ...seedOfAttack,
    baseline: { file, state: 'unused' },
    warnings: measured?.warnings ?? [],
    interrupted: measured?.interrupted ?? false,
    milliseconds,
  } as const
  if (!measured) return { ...asked, verdict: 'inconclusive', reason }
  const { name, sha256 } = model.description
  const outcomes = measured.finding.perSample
  const current = { check, version: packageVersion(), model: { name, sha256 }, setting, ...seedOfAttack, outcomes }
  const { shard } = part
  return settle({ ...asked, finding: measured.finding }, { testFile, current, recalled, place, negated, shard })
}

function requireComparable(method: Attack | Bound, resampled: boolean): void {
  if (!resampled || ('run' in method && method.kind === 'fixed-epsilon')) return
  throw new SettingsError(
    `${method.name} gives each sample a number, and numbers of other samples are not compared: resampled is for attacks with a fixed ε.`,
  )
}

function requirePlace({ testFile, test }: BaselinePlace, name: unknown): { testFile: string; check: string } {
  if (name !== undefined && (typeof name !== 'string' || name === '')) {
    throw new SettingsError('The name of a baseline must be a text that is not empty.')
  }
  const check = name ?? test
  if (testFile && check) return { testFile, check }
  throw new SettingsError(
    `The runner does not say which test ${testFile ? 'this is, so the baseline needs a { name }' : 'file this is, so there is no place for a baseline: use it within a test'}.`,
  )
}

/** What one model withstands says nothing of another: the second one would be measured against the first. */
function requireOneModel(
  { models }: BaselinePlace,
  check: string,
  { description: { name, sha256 } }: Classifier,
): void {
  const model = `${name} (${sha256.slice(0, 8)})`
  const other = models?.get(check)
  if (other !== undefined && other !== model) {
    throw new SettingsError(
      `The baseline ${JSON.stringify(check)} is that of ${other} already; ${model} needs one of its own: give each of the checks a { name }.`,
    )
  }
  models?.set(check, model)
}

function describeMethod(method: Attack | Bound): Method {
  const { name, norm, settings } = method
  if (!('run' in method)) return { name, kind: 'bound', norm, settings }
  const { kind, epsilon } = method
  return {
    name,
    kind,
    norm,
    ...(epsilon !== undefined && { epsilon: typeof epsilon === 'object' ? Float64Array.from(epsilon) : epsilon }),
    settings,
  }
}
