import { refuseUnknown, settingsOf } from '../../arguments.js'
import { distance } from '../../geometry/norm.js'
import { largestBatch } from '../../model/predict-classes.js'
import type { PerSample } from '../../sampling/per-sample.js'
import { batches, range, rowOf } from '../../sampling/rows.js'
import { runTogether } from '../../solvers/run-together.js'
import type { Attack, AttackCandidates, AttackContext } from '../attack.js'
import { checkCount, checkPositive, checkTarget, recorded } from '../check-settings.js'
import { checkGradients } from '../iteration/check-gradients.js'
import { moveToBoundary } from '../iteration/move-to-boundary.js'
import { unchanged } from '../iteration/run-loop.js'
import { adversarialLoss, lossCopies } from './adversarial-loss.js'
import { type Answer, type Question, smallestPerturbation } from './lbfgs-search.js'

export interface LbfgsSettings {
  /** Class to move all samples to, or one per sample. Default: any other class. */
  readonly target?: PerSample
  /** Steps that L-BFGS-B makes its approximation of the Hessian from. Default 15. */
  readonly corrections?: number
  /** Most iterations of L-BFGS-B for one C. Default 150. */
  readonly iterations?: number
  /** Half of the first C that is tried. Default 0.001. */
  readonly initialConstant?: number
  /** How often C is doubled before a sample is given up, or halved where the first one succeeds. Default 30. */
  readonly doublings?: number
  /** How often the interval between a C that fails and one that succeeds is halved. Default 10. */
  readonly bisections?: number
}

/**
 * The L-BFGS attack: minimises ½‖δ‖₂² + C·H in the domain, with the smallest C that succeeds; C is doubled until it
 * does and then bisected, each search beginning where the last one ended. H is the cross-entropy of the target. Without
 * a target it is −log(1 − p) of the label, and then once more the cross-entropy between the label and the class that was
 * found. A minimal-distance attack in ℓ2: of all adversarial points that the searches visit the closest one counts, moved
 * to the boundary by bisection.
 * Szegedy et al., "Intriguing properties of neural networks", ICLR 2014; Tabacof, Valle, "Exploring the space of
 * adversarial images", IJCNN 2016, Algorithm 1, except that ‖δ‖ is squared, the bisection begins at the last C that
 * failed instead of 0, and C is not doubled for ever.
 * @throws SettingsError when a setting makes no sense.
 */
export function lbfgs(settings: LbfgsSettings = {}): Attack {
  const {
    target,
    corrections = 15,
    iterations = 150,
    initialConstant = 1e-3,
    doublings = 30,
    bisections = 10,
    ...others
  } = settingsOf('lbfgs', settings, '{ iterations: 150 }')
  refuseUnknown('lbfgs', others)
  checkTarget('lbfgs', target)
  checkPositive('lbfgs', 'initialConstant', initialConstant)
  const counts = { corrections, iterations, doublings, bisections }
  for (const [name, count] of Object.entries(counts)) checkCount('lbfgs', name, count)
  const chosen = { corrections, iterations, initialConstant, doublings, bisections }
  return {
    name: 'lbfgs',
    kind: 'minimal-distance',
    norm: 'l2',
    target,
    settings: { ...chosen, ...(target !== undefined && { target: recorded(target) }) },
    run: (context) => run(context, chosen),
  }
}

const tolerance = 2 ** -12

async function run(
  context: AttackContext,
  settings: Required<Omit<LbfgsSettings, 'target'>>,
): Promise<AttackCandidates> {
  const { model, inputs, labels, targets } = context
  const candidates = unchanged(context)
  const phases = targets || model.classes === 2 ? 1 : 2
  const parts = batches(range(labels.length), largestBatch(model, lossCopies))
  for (const [index, samples] of parts.entries()) {
    const done = new Float64Array(samples.length)
    const searches = samples.map((sample, row) => {
      const origin = rowOf(inputs.data, model.domain.lower.length, sample)
      return smallestPerturbation({ ...settings, origin, domain: model.domain, phases }, (iterations, fraction) => {
        candidates.steps[sample] += iterations
        done[row] = fraction
        context.progress((index + done.reduce((sum, each) => sum + each, 0) / samples.length) / parts.length)
      })
    })
    const closest = new Float64Array(labels.length).fill(Number.POSITIVE_INFINITY)
    const results = await runTogether(searches, (questions, askers) =>
      answer(context, candidates, closest, { questions, samples: askers.map((asker) => samples[asker]) }),
    )
    const { adversarial, forwardQueries } = candidates
    const fooled = samples.filter((sample) => closest[sample] < Number.POSITIVE_INFINITY)
    const atBoundary = await moveToBoundary(context, adversarial, fooled, tolerance, forwardQueries)
    if (results.includes(undefined) || !atBoundary) return { ...candidates, interrupted: true }
  }
  return candidates
}

/** Evaluates the loss at one point for each of some samples, and keeps the adversarial points that are closest. */
async function answer(
  context: AttackContext,
  { adversarial, gradientQueries, vanishedGradients }: ReturnType<typeof unchanged>,
  closest: Float64Array,
  { questions, samples }: { questions: readonly Question[]; samples: readonly number[] },
): Promise<Answer[] | undefined> {
  const { inputs, model, budget } = context
  if (!(await budget.next())) return undefined
  const size = model.domain.lower.length
  const data = new Float32Array(questions.length * size)
  questions.forEach(({ point }, row) => {
    data.set(point, row * size)
  })
  const shape = [questions.length, ...inputs.shape.slice(1)]
  const rivals = questions.map(({ rival }) => rival)
  const loss = await adversarialLoss(context, { data, shape }, samples, { rivals })
  return samples.map((sample, row) => {
    const [origin, point] = [rowOf(inputs.data, size, sample), rowOf(data, size, row)]
    const gradient = rowOf(loss.gradients, size, row)
    // Every search begins at its sample.
    if (gradientQueries[sample]++ === 0) checkGradients(gradient)
    if (gradient.some((derivative) => derivative !== 0)) vanishedGradients[sample] = 0
    const { l2 } = distance(origin, point)
    if (loss.adversarial[row] && l2 < closest[sample]) {
      closest[sample] = l2
      adversarial.set(point, sample * size)
    }
    const fooled = Boolean(loss.adversarial[row])
    return { loss: loss.values[row], gradient, adversarial: fooled, prediction: loss.predictions[row] }
  })
}
