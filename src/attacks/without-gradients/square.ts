import { refuseUnknown, settingsOf } from '../../arguments.js'
import { SettingsError } from '../../errors.js'
import { largestBatch, largestLogit } from '../../model/predict-classes.js'
import type { PerSample } from '../../sampling/per-sample.js'
import { batches, range, rowOf, takeSamples } from '../../sampling/rows.js'
import type { Attack, AttackCandidates, AttackContext } from '../attack.js'
import { checkCount, checkNorm, checkPositive, checkTarget, recorded } from '../check-settings.js'
import { featureGrid } from './square-grid.js'
import { l2Proposals } from './square-l2.js'
import { linfProposals } from './square-linf.js'

export interface SquareSettings {
  /** Default `linf`. */
  readonly norm?: 'linf' | 'l2'
  /** Radius of the ball, in input units: for all samples, or one per sample. */
  readonly epsilon: PerSample
  /** Most forward passes per sample and restart. Default 5000. */
  readonly queries?: number
  /** Fraction of the features that the first change covers, at most 1. Default 0.8. */
  readonly p?: number
  /** Runs from the start, for the samples that still stand. Default 1. */
  readonly restarts?: number
  /**
   * What has to fall: the label's logit minus the largest other one, or minus the log-sum-exp of the others, which orders
   * points as cross-entropy does. Default `margin`, with a target `cross-entropy`.
   */
  readonly loss?: 'margin' | 'cross-entropy'
  /** Class to move all samples to, or one per sample. Default: any other class. */
  readonly target?: PerSample
}

/**
 * Square: random search that changes one square of the input at a time and keeps what lowers the loss. Needs the logits
 * and no gradients, so it also works where gradients vanish or mislead. `p` halves at 0.1, 0.5, 2, 5, 10, 20, 40, 60 and
 * 80 % of the queries. Squares lie in the last two axes of the input (in the first two where the last has 2 to 4 channels), and are
 * runs of features where there is only one axis. Unlike in the reference, squares reach the last row and column, no
 * query is spent on a change that changes nothing, and in ℓ2 changes may be small.
 * Andriushchenko, Croce, Flammarion, Hein, "Square Attack: a query-efficient black-box adversarial attack via random
 * search", ECCV 2020; settings of AutoAttack.
 * @throws SettingsError when a setting makes no sense.
 */
export function square(settings: SquareSettings): Attack {
  const {
    norm = 'linf',
    epsilon,
    queries = 5000,
    p = 0.8,
    restarts = 1,
    target,
    loss = target === undefined ? 'margin' : 'cross-entropy',
    ...others
  } = settingsOf('square', settings, '{ epsilon: 0.1 }')
  refuseUnknown('square', others)
  checkNorm('square', norm, ['linf', 'l2'])
  checkPositive('square', 'epsilon', epsilon)
  checkCount('square', 'queries', queries)
  if (!(p > 0 && p <= 1)) throw new SettingsError(`square: p must be above 0 and at most 1; it is ${p}.`)
  checkCount('square', 'restarts', restarts)
  checkTarget('square', target)
  if (loss !== 'cross-entropy' && loss !== 'margin') {
    throw new SettingsError(`square takes the losses margin and cross-entropy; loss is ${JSON.stringify(loss)}.`)
  }
  return {
    name: 'square',
    kind: 'fixed-epsilon',
    norm,
    epsilon,
    target,
    settings: {
      norm,
      epsilon: recorded(epsilon),
      queries,
      p,
      restarts,
      loss,
      ...(target !== undefined && { target: recorded(target) }),
    },
    run: (context) => run(context, { norm, queries, p, restarts, loss }),
  }
}

type Run = Required<Omit<SquareSettings, 'epsilon' | 'target'>>

async function run(context: AttackContext, { norm, queries, p, restarts, loss }: Run): Promise<AttackCandidates> {
  const { model, inputs, epsilons, labels, targets, random, budget } = context
  const { domain, classes } = model
  const size = domain.lower.length
  const grid = featureGrid(model.featureShape)
  const propose = { linf: linfProposals, l2: l2Proposals }[norm]
  const proposals = Array.from(labels, (_, sample) =>
    propose({
      grid,
      domain,
      center: rowOf(inputs.data, size, sample),
      radius: epsilons![sample],
      random: random[sample],
    }),
  )
  const adversarial = new Float32Array(inputs.data)
  const steps = new Int32Array(labels.length)
  const forwardQueries = new Int32Array(labels.length)
  const flatScores = new Uint8Array(labels.length).fill(1)
  const candidates = { adversarial, steps, forwardQueries, gradientQueries: new Int32Array(labels.length), flatScores }
  const trial = new Float32Array(inputs.data)
  const lowest = new Float64Array(labels.length)

  /** Runs the model on a change of each sample's best point, keeps those that help, and returns the samples it fooled. */
  async function tryChange(samples: readonly number[], query: number): Promise<Set<number>> {
    for (const sample of samples) {
      const point = rowOf(trial, size, sample)
      if (query === 0) proposals[sample].start(point)
      else
        changeSomething(
          proposals[sample],
          point,
          rowOf(adversarial, size, sample),
          scheduledFraction(p, query, queries),
        )
      steps[sample]++
      forwardQueries[sample]++
    }
    const logits = await model.predict(takeSamples({ ...inputs, data: trial }, samples))
    const fooled = samples.filter((sample, index) => {
      const row = rowOf(logits, classes, index)
      const predicted = largestLogit(row)
      const isFooled = targets ? predicted === targets[sample] : predicted !== labels[sample]
      const value = targets ? -lead(row, targets[sample], loss) : lead(row, labels[sample], loss)
      if (query > 0 && value !== lowest[sample]) flatScores[sample] = 0
      if (isFooled || query === 0 || value < lowest[sample]) {
        lowest[sample] = value
        rowOf(adversarial, size, sample).set(rowOf(trial, size, sample))
      }
      return isFooled
    })
    return new Set(fooled)
  }

  let standing = range(labels.length)
  for (let restart = 0; restart < restarts; restart++) {
    for (let query = 0; query < queries && standing.length > 0; query++) {
      for (const samples of batches(standing, largestBatch(model))) {
        if (!(await budget.next())) return { ...candidates, interrupted: true }
        const fooled = await tryChange(samples, query)
        standing = standing.filter((sample) => !fooled.has(sample))
      }
      context.progress((restart + (query + 1) / queries) / restarts, labels.length - standing.length)
    }
  }
  return { ...candidates, interrupted: false }
}

// Small patches often have the drawn sign already; a point that no change moves is tried again as it is.
const mostDraws = 20

function changeSomething(
  { change }: ReturnType<typeof linfProposals>,
  point: Float32Array,
  best: Float32Array,
  p: number,
): void {
  let changed = false
  for (let draw = 0; draw < mostDraws && !changed; draw++) {
    point.set(best)
    changed = change(point, p)
  }
}

const checkpoints = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000]

/** `p`, halved at checkpoints that are set for 10 000 queries. The first query tries the start and does not count. */
function scheduledFraction(p: number, query: number, queries: number): number {
  const rescaled = Math.floor(((query - 1) / queries) * 10_000)
  return p / 2 ** checkpoints.filter((checkpoint) => rescaled > checkpoint).length
}

/** By how much the logit of a class exceeds the others. */
function lead(logits: Float32Array, label: number, loss: 'margin' | 'cross-entropy'): number {
  const others = logits.filter((_, index) => index !== label)
  const largest = others.reduce((most, logit) => Math.max(most, logit), Number.NEGATIVE_INFINITY)
  if (loss === 'margin') return logits[label] - largest
  const sum = others.reduce((total, logit) => total + Math.exp(logit - largest), 0)
  return logits[label] - (largest + Math.log(sum))
}
