import type { Attack } from '../attacks/attack.js'
import { apgdTargeted } from '../attacks/auto-attack/apgd-targeted.js'
import { fmn } from '../attacks/minimal-distance/fmn.js'
import type { Bound, BoundResult } from '../bounds/bound.js'
import { bound as runBound } from '../bounds/run-bound.js'
import { type BudgetRequest, type BudgetSettings, budgetSettings } from '../budget.js'
import { now } from '../clock.js'
import type { Classifier } from '../model/classifier.js'
import { type Samples, takePart } from '../sampling/samples.js'
import { analyse } from './analysis.js'
import { classifiedSamples } from './classified-samples.js'
import { describeBound, describeModelAndSamples } from './describe.js'
import type { BoundValidityEvidence, BoundValidityFinding } from './evidence.js'
import { judgeBoundValidity, withVerdict } from './judgement.js'
import { type RadiusClaims, refuteAtRandom, refuteMargins, refuteWithAttack, type Violation } from './refutation.js'

/** How violations are looked for. */
export interface RefutationSettings {
  /** Default: APGD-T within the certified radius of each sample, and FMN. */
  readonly attacks?: readonly Attack[]
  /** How many random perturbations are tried, too. */
  readonly runs: number
  readonly seed: number
  /** Together with the seed of a failure: goes straight to the perturbation that was printed with this path. */
  readonly path?: string
  /** At most half of it is spent on the bound. */
  readonly budget?: BudgetRequest
}

/** Computes certified radii and looks for adversarial examples within them. A bound that cannot run is inconclusive. */
export async function boundValidityEvidence(
  model: Classifier,
  bound: Bound,
  samples: Samples,
  settings: RefutationSettings,
): Promise<BoundValidityEvidence> {
  const search = new RefutationSearch(model, samples, bound, settings)
  const { finding, reason, milliseconds } = await analyse(() => search.run())
  const evidence = {
    kind: 'bound-validity' as const,
    ...describeModelAndSamples(model.description, samples),
    bound: describeBound(bound),
    attacks: search.attacks.map(({ name, norm, settings }) => ({ name, norm, settings })),
    seed: settings.seed,
    finding,
    warnings: [...search.warnings],
    interrupted: search.interrupted,
    milliseconds,
  }
  return withVerdict(evidence, reason, judgeBoundValidity)
}

/** One search for violations; what it has seen outlives a failure of one of its steps. */
class RefutationSearch {
  readonly warnings = new Set<string>()
  interrupted = false
  attacks: readonly Attack[]
  readonly #deadline: number

  constructor(
    private readonly model: Classifier,
    private readonly samples: Samples,
    private readonly bound: Bound,
    private readonly settings: RefutationSettings,
  ) {
    this.attacks = settings.attacks ?? []
    this.#deadline = now() + (budgetSettings(settings.budget).milliseconds ?? Number.POSITIVE_INFINITY)
  }

  async run(): Promise<BoundValidityFinding> {
    const bounded = await runBound(this.model, this.bound, { ...this.samples, budget: this.#budget(0.5) })
    this.#warn(bounded.warnings)
    const summary = summarize(bounded)
    const certified = bounded.samples.flatMap(({ eligible, radius }, index) => (eligible && radius > 0 ? [index] : []))
    if (certified.length === 0) {
      // Smaller radii than there could be are still radii to refute; none at all may be for want of time.
      this.interrupted ||= bounded.interrupted
      return { ...summary, runs: 0, violations: [] }
    }

    const { inputs, partOf } = this.samples
    const claims = {
      ...takePart({ inputs, partOf }, certified),
      labels: Int32Array.from(certified, (index) => bounded.samples[index].label),
      norm: this.bound.norm,
      radii: Float64Array.from(certified, (index) => bounded.samples[index].radius),
    }
    const original = (violation: Violation) => ({ ...violation, sample: certified[violation.sample] })
    const { seed, runs, path } = this.settings
    this.attacks = this.settings.attacks ?? defaultAttacks(this.bound, claims.radii)
    const closest = new Map<number, Violation>()
    const { distances } = summary.perSample
    for (const attack of this.attacks) {
      const refutation = await refuteWithAttack(this.model, attack, claims, { seed, budget: this.#budget() })
      this.#warn(refutation.warnings)
      this.interrupted ||= refutation.interrupted
      for (const example of refutation.examples) {
        const known = closest.get(example.sample)
        if (!known || example.distance < known.distance) closest.set(example.sample, example)
      }
    }
    for (const { sample, distance } of closest.values()) distances[certified[sample]] = distance
    const violations = await this.#refute(
      claims,
      [...closest.values()].sort((one, other) => one.sample - other.sample),
    )
    if (violations.length > 0 || runs === 0) return { ...summary, runs: 0, violations: violations.map(original) }

    const search = await refuteAtRandom(this.model, claims, { runs, seed, path, budget: this.#budget() })
    this.interrupted ||= search.interrupted
    return { ...summary, runs: search.tried, violations: search.violation ? [original(search.violation)] : [] }
  }

  /** By the closest example of each sample that has one: the certified radius, or else what the bound says of others. */
  async #refute(claims: RadiusClaims, examples: readonly Violation[]): Promise<Violation[]> {
    const within = examples.filter(({ distance, radius }) => distance <= radius)
    // An estimate says no more than about what its radii are.
    if (within.length > 0 || examples.length === 0 || !this.bound.sound) return within
    // As with radii, what it has no time to say is nothing to refute.
    return refuteMargins(this.model, this.bound, claims, examples, this.#budget(0.5))
  }

  #warn(warnings: readonly string[]): void {
    for (const warning of warnings) this.warnings.add(warning)
  }

  #budget(share = 1): BudgetSettings {
    const left = Math.max(0, this.#deadline - now())
    return { ...budgetSettings(this.settings.budget), milliseconds: share * left }
  }
}

/**
 * Class after class within the radii, and the closest example anywhere: of radii that are 1 % too large these refute
 * nearly all, where PGD and DeepFool leave up to a third.
 */
function defaultAttacks({ norm }: Bound, radii: Float64Array): Attack[] {
  return [apgdTargeted({ norm, epsilon: radii, steps: 30 }), fmn({ norm })]
}

function summarize({ samples, ...result }: BoundResult) {
  return {
    eligible: result.eligible,
    cleanAccuracy: result.cleanAccuracy,
    minimum: result.minimum,
    median: result.median,
    perSample: {
      ...classifiedSamples(samples),
      radii: Float64Array.from(samples, ({ radius }) => radius),
      distances: new Float64Array(samples.length).fill(Number.NaN),
    },
  }
}
