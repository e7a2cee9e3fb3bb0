import type { Attack } from '../attacks/attack.js'
import { attack as runAttack } from '../attacks/run-attack.js'
import type { Bound } from '../bounds/bound.js'
import { marginBounds } from '../bounds/run-bound.js'
import { type BudgetSettings, startBudget } from '../budget.js'
import { SettingsError } from '../errors.js'
import { diameter } from '../geometry/diameter.js'
import { distance, type Norm } from '../geometry/norm.js'
import type { Classifier } from '../model/classifier.js'
import { predictClasses } from '../model/predict-classes.js'
import { perturb, perturbations } from '../sampling/perturbation.js'
import { range, takeSamples } from '../sampling/rows.js'
import type { Inputs, PartOfSet } from '../sampling/samples.js'

/** Samples with certified radii that are to be refuted. */
export interface RadiusClaims {
  readonly inputs: Inputs
  readonly partOf?: PartOfSet
  readonly labels: Int32Array
  readonly norm: Norm
  /** Above 0, one per sample: no perturbation of at most this norm changes the class. */
  readonly radii: Float64Array
}

/** An adversarial example no further away than the certified radius. */
export interface Violation {
  readonly sample: number
  readonly label: number
  readonly adversarialPrediction: number
  readonly radius: number
  readonly distance: number
  /** Name of the attack, or `random perturbation`. */
  readonly foundBy: string
  /** Leads a random search with the same seed straight to this violation. */
  readonly path?: string
}

export interface AttackRefutation {
  /** Adversarial examples no further away than claimed. */
  readonly violations: readonly Violation[]
  /** All adversarial examples that were found, whatever their distance in the norm of the claims. */
  readonly examples: readonly Violation[]
  /** Of each sample the adversarial example itself. */
  readonly adversarial: readonly (Float32Array | undefined)[]
  readonly warnings: readonly string[]
  readonly interrupted: boolean
}

/** Looks for violations with an attack. */
export async function refuteWithAttack(
  model: Classifier,
  attack: Attack,
  { norm, radii, ...samples }: RadiusClaims,
  settings: { readonly seed: number; readonly budget: BudgetSettings },
): Promise<AttackRefutation> {
  const result = await runAttack(model, attack, { ...samples, ...settings })
  const examples = result.samples.flatMap(({ label, adversarialPrediction, distance }, sample): Violation[] =>
    distance === undefined
      ? []
      : [
          {
            sample,
            label,
            adversarialPrediction,
            radius: radii[sample],
            distance: distance[norm],
            foundBy: attack.name,
          },
        ],
  )
  const violations = examples.filter(({ distance, radius }) => distance <= radius)
  const adversarial = result.samples.map((attacked) => attacked.adversarial)
  return { violations, examples, adversarial, warnings: result.warnings, interrupted: result.interrupted }
}

/**
 * Looks for margins that adversarial examples refute: of the radius that just holds the example, where a bound that is
 * too large by little is wrong, and of that of the whole domain. One sample after the other may have an example.
 */
export async function refuteMargins(
  model: Classifier,
  method: Bound,
  { inputs, labels, norm }: Omit<RadiusClaims, 'radii'>,
  examples: readonly Violation[],
  budget: BudgetSettings,
): Promise<Violation[]> {
  const samples = examples.map(({ sample }) => sample)
  const request = { inputs: takeSamples(inputs, samples), labels: samples.map((sample) => labels[sample]), budget }
  const largest = diameter(model.domain, norm)
  for (const radii of [examples.map(({ distance }) => distance), examples.map(() => largest)]) {
    const margins = await marginBounds(model, method, { ...request, epsilon: radii })
    const isWrong = (row: number) => margins[row * model.classes + examples[row].adversarialPrediction] > 0
    const wrong = range(examples.length).filter(isWrong)
    if (wrong.length > 0) return wrong.map((row) => ({ ...examples[row], radius: radii[row] }))
  }
  return []
}

export interface RandomRefutation {
  /** The simplest violation that shrinking led to. */
  readonly violation: Violation | undefined
  /** Perturbations that were tried, shrinking included. */
  readonly tried: number
  readonly interrupted: boolean
}

/** Looks for a violation among random perturbations; the first one found is shrunk. */
export async function refuteAtRandom(
  model: Classifier,
  { inputs, labels, norm, radii }: RadiusClaims,
  settings: {
    readonly runs: number
    readonly seed: number
    readonly path: string | undefined
    readonly budget: BudgetSettings
  },
): Promise<RandomRefutation> {
  const fastCheck = await loadFastCheck()
  const { runs, seed, path } = settings
  const budget = startBudget(settings.budget)
  const features = inputs.data.length / labels.length
  let violation: Violation | undefined
  let tried = 0
  let interrupted = false

  const property = fastCheck.asyncProperty(perturbations(fastCheck, labels.length, features), async (perturbation) => {
    if (interrupted || !(await budget.next())) {
      interrupted = true
      return true
    }
    tried++
    const { sample } = perturbation
    const ball = { norm, center: inputs.data.slice(sample * features, (sample + 1) * features), radius: radii[sample] }
    const data = perturb(perturbation, ball, model.domain)
    const [adversarialPrediction] = await predictClasses(model, { data, shape: [1, ...model.featureShape] })
    const label = labels[sample]
    if (adversarialPrediction === label) return true
    const reached = distance(ball.center, data)[norm]
    violation = {
      sample,
      label,
      adversarialPrediction,
      radius: ball.radius,
      distance: reached,
      foundBy: 'random perturbation',
    }
    return false
  })
  const details = await fastCheck.check(property, { numRuns: runs, seed, ...(path === undefined ? {} : { path }) })
  if (details.failed && !violation) throw details.errorInstance
  return {
    violation: violation && { ...violation, path: details.counterexamplePath! },
    tried,
    // Running out of time while shrinking leaves a violation that is less simple, but one.
    interrupted: interrupted && !violation,
  }
}

async function loadFastCheck(): Promise<typeof import('fast-check')> {
  try {
    return await import('fast-check')
  } catch (cause) {
    if (!String((cause as NodeJS.ErrnoException).code).endsWith('MODULE_NOT_FOUND')) throw cause
    throw new SettingsError(
      'Random perturbations need fast-check. Run `npm install --save-dev fast-check`, or leave them out with { runs: 0 }.',
    )
  }
}
