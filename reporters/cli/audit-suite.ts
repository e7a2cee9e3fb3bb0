import type { Attack } from '../../src/attacks/attack.js'
import { apgd } from '../../src/attacks/auto-attack/apgd.js'
import { autoAttack } from '../../src/attacks/auto-attack/auto-attack.js'
import { deepFool } from '../../src/attacks/perturbation-analysis/deep-fool.js'
import { pgd } from '../../src/attacks/perturbation-analysis/pgd.js'
import { randomNoise } from '../../src/attacks/without-gradients/random-noise.js'
import { square } from '../../src/attacks/without-gradients/square.js'
import { crown } from '../../src/bounds/crown.js'
import { analyse } from '../../src/checks/analysis.js'
import { attackEvidence } from '../../src/checks/attack-evidence.js'
import { boundValidityEvidence } from '../../src/checks/bound-validity-evidence.js'
import type { AttackEvidence, Evidence } from '../../src/checks/evidence.js'
import { judgeAttack } from '../../src/checks/judgement.js'
import { describeProgress, type Progress, watchProgress } from '../../src/checks/progress.js'
import { sweepEvidence } from '../../src/checks/sweep-evidence.js'
import { passes } from '../../src/checks/verdict.js'
import { now } from '../../src/clock.js'
import { formatDuration } from '../../src/format.js'
import type { Norm } from '../../src/geometry/norm.js'
import { type EpsilonSweep, epsilonSweep } from '../../src/measures/epsilon-sweep.js'
import type { Classifier } from '../../src/model/classifier.js'
import { firstSamples, type Samples } from '../../src/sampling/samples.js'
import type { Output } from './verb.js'

export interface AuditSettings {
  readonly norm: Norm
  /** Radius of the attacks, in input units. */
  readonly epsilon: number
  /** Without it, fooling ratios are measured, not judged. */
  readonly maxFoolingRatio?: number
  readonly seed: number
  /** For everything together. */
  readonly milliseconds: number
}

/** Bounds cost far more per sample than attacks do. */
const boundedSamples = 10

/**
 * The checks of an audit, the cheap ones first: noise, PGD at radii around ε, the strongest attack that the time allows,
 * the closest adversarial examples, and a bound on a few samples.
 */
export async function auditSuite(
  model: Classifier,
  samples: Samples,
  { norm, epsilon, maxFoolingRatio, seed, milliseconds }: AuditSettings,
  { note, progress }: Pick<Output, 'note' | 'progress'>,
): Promise<Evidence[]> {
  const watch = <Method>(method: Method) =>
    progress ? watchProgress(method, showEverySoOften(progress, model.description.name)) : method
  const deadline = now() + milliseconds
  const left = () => Math.max(0, deadline - now())
  const request = (share: number) => ({ seed, budget: share * left() })
  const run = (attack: Attack, share: number) =>
    attackEvidence(model, watch(attack), samples, {
      maxFoolingRatio: 1,
      confidence: undefined,
      ...request(share),
    })
  const timed = async <Result>(name: string, work: () => Promise<Result>): Promise<Result> => {
    const start = now()
    note(`${name} …`)
    const result = await work()
    note(`${name}: ${formatDuration(now() - start)}`)
    return result
  }

  const noise = await timed('randomNoise', () => run(randomNoise({ norm, epsilon }), 0.1))
  if (!noise.finding || noise.finding.eligible === 0) return [judged(noise, maxFoolingRatio)]

  const pgdAt = (radius: number) => watch(pgd({ norm, epsilon: radius }))
  const { finding: sweep, milliseconds: sweepTime } = await timed('pgd at four radii', () =>
    analyse(() =>
      epsilonSweep(model, pgdAt, {
        inputs: samples.inputs,
        labels: samples.labels,
        epsilons: [epsilon / 4, epsilon / 2, epsilon, 2 * epsilon],
        ...request(0.3),
      }),
    ),
  )
  const swept = sweep
    ? sweepEvidence(model, pgdAt, samples, sweep, {
        maxFoolingRatio: 1,
        milliseconds: sweepTime,
      })
    : // Says why it could not run.
      [await run(pgdAt(epsilon), 0.3)]

  const strongest = strongestWithin(left() / 2, { norm, epsilon, sweep, sweepTime })
  const strong = await timed(strongest.name, () => run(strongest, 0.5))
  const closest = await timed('deepFool', () => run(deepFool({ norm }), 0.5))
  const bound = await timed('crown', () =>
    boundValidityEvidence(model, watch(crown({ norm })), firstSamples(samples, boundedSamples), {
      runs: 0,
      ...request(1),
    }),
  )
  return [
    judged(noise, maxFoolingRatio),
    ...swept.map((check) => (check.attack.epsilon === epsilon ? judged(check, maxFoolingRatio) : check)),
    judged(strong, maxFoolingRatio),
    closest,
    // Nothing certified is no fault of the model, but a certificate that does not hold is one of the bound.
    bound.verdict === 'inconclusive' ? bound : asserted(bound),
  ]
}

/** A terminal need not show more than a few of them in a second. */
function showEverySoOften(show: (text: string) => void, model: string): (progress: Progress | undefined) => void {
  let shown = Number.NEGATIVE_INFINITY
  return (progress) => {
    if (!progress || now() - shown < 200) return
    shown = now()
    show(describeProgress(progress, model))
  }
}

/** Checks measure, which is to accept everything, except where there is a limit. */
function judged(check: AttackEvidence, maxFoolingRatio: number | undefined): AttackEvidence {
  if (maxFoolingRatio === undefined) return check
  const limited = { ...check, maxFoolingRatio }
  return asserted(check.finding ? { ...limited, reason: undefined, ...judgeAttack(check.finding, limited) } : limited)
}

function asserted<Check extends Evidence>(check: Check): Check {
  return { ...check, assertion: { negated: false, passed: passes(check.verdict, false) } }
}

/**
 * AutoAttack where it is likely to end in time, APGD otherwise. Of the queries of AutoAttack, every sample takes the 100 of
 * its first attack, and a sample that stands about 4300 more (APGD-T and FAB-T 900 each, 5000 forward passes of Square).
 */
function strongestWithin(
  milliseconds: number,
  found: {
    readonly norm: Norm
    readonly epsilon: number
    readonly sweep: EpsilonSweep | undefined
    readonly sweepTime: number
  },
): Attack {
  const { norm, epsilon, sweep, sweepTime } = found
  // Square needs no gradients, which is what PGD lacks where it cannot run; it has no ℓ1 form.
  if (!sweep) return norm === 'l1' ? apgd({ norm, epsilon }) : square({ norm, epsilon })
  const standing = sweep.samples.filter((sample) => sample.eligible && sample.smallestEpsilon > epsilon).length
  const needed = (100 * sweep.eligible + 4300 * standing) * (sweepTime / sweep.gradientQueries)
  // Half as much again would not surprise on a machine that has other work.
  return norm !== 'l1' && 1.5 * needed <= milliseconds ? autoAttack({ norm, epsilon }) : apgd({ norm, epsilon })
}
