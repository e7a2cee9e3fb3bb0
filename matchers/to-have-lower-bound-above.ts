import type { Bound } from '../src/bounds/bound.js'
import { marginBounds } from '../src/bounds/run-bound.js'
import type { BudgetSettings } from '../src/budget.js'
import { SettingsError } from '../src/errors.js'
import { describeCheck, type LowerBoundEvidence, type LowerBoundFinding } from '../src/evidence.js'
import type { Norm } from '../src/geometry/norm.js'
import type { Classifier } from '../src/model/classifier.js'
import type { Samples } from '../src/sampling/samples.js'
import type { Verdict } from '../src/verdict.js'
import { analyse } from './analysis.js'
import { requireBound, requireClassifier, requireNumber, requireSamples } from './arguments.js'
import * as message from './message.js'

export interface LowerBoundAboveOptions {
  readonly samples: Samples
  /** Norm that the radius is measured in: that of the bound. */
  readonly norm: Norm
  /** A sound bound: an estimate certifies nothing. */
  readonly bound: Bound
  /** Smallest fraction of the eligible samples that has to be certified. Default 1: all of them. */
  readonly fraction?: number
  /** Default: 90 % of what is left of the test's timeout. */
  readonly budget?: BudgetSettings
}

/**
 * Counts the samples whose certified radius is above the given one, by one evaluation of the bound at this radius: when
 * all margins are positive on the closed ball, they are so on a slightly larger one.
 */
export async function checkLowerBound(
  received: unknown,
  radius: number,
  options: LowerBoundAboveOptions,
): Promise<LowerBoundEvidence> {
  const model = requireClassifier(received)
  const samples = requireSamples(options)
  const { norm, fraction = 1, budget } = options
  const bound = requireBound(options.bound, norm)
  requireNumber('The radius', radius, 'a finite number from 0', (value) => Number.isFinite(value) && value >= 0)
  requireNumber('fraction', fraction, 'above 0 and at most 1', (value) => value > 0 && value <= 1)

  const start = performance.now()
  const { finding: certification, reason } = await analyse(() => certify(model, bound, samples, radius, budget))
  const finding = certification?.finding
  const evidence = {
    kind: 'lower-bound',
    ...describeCheck(model.description, samples),
    bound: { name: bound.name, norm: bound.norm, sound: bound.sound, settings: bound.settings },
    radius,
    fraction,
    finding,
    warnings: certification?.warnings ?? [],
    interrupted: certification?.interrupted ?? false,
    milliseconds: performance.now() - start,
  } as const
  if (!finding) return { ...evidence, verdict: 'inconclusive', reason }
  return { ...evidence, ...judge(finding, evidence) }
}
