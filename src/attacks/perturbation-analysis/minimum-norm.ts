import { refuseUnknown, settingsOf } from '../../arguments.js'
import type { Feeds } from '../../engine/engine.js'
import { SettingsError } from '../../errors.js'
import type { AttackNorm } from '../../geometry/norm.js'
import { floatTensor, intTensor } from '../../graph/builder.js'
import { largestBatch } from '../../model/predict-classes.js'
import type { PerSample } from '../../sampling/per-sample.js'
import { batches, range, takeSamples } from '../../sampling/rows.js'
import type { Attack, AttackCandidates, AttackContext } from '../attack.js'
import { checkCount, checkExponent, checkTarget, recorded } from '../check-settings.js'
import { likelyRivals } from '../iteration/likely-rivals.js'
import { moveToBoundary } from '../iteration/move-to-boundary.js'
import { runLoop, unchanged } from '../iteration/run-loop.js'
import { stillStanding } from '../iteration/still-standing.js'
import { minimumNormGraph } from './minimum-norm-graph.js'

export interface MinimumNormSettings {
  /** The smallest step that takes the linearised margin to zero. */
  readonly step: 'minimum-norm'
  /** `linf`, or `l` and any p ≥ 1, such as `l1.5`. Default `l2`. */
  readonly norm?: AttackNorm
  /** Most steps per sample. Default 50. */
  readonly steps?: number
  /** By what fraction the steps go beyond the linearised boundary. Default 0.02. */
  readonly overshoot?: number
  /**
   * How many classes, those with the largest logits, are looked at besides the label; the step goes to the nearest of
   * their linearised boundaries. With 1 it is the margin itself. Default 10.
   */
  readonly candidates?: number
  /** Class to move all samples to, or one per sample: the steps close the margin of that class. Default: any other. */
  readonly target?: PerSample
}

/**
 * An attack of minimum-norm steps, then back to the boundary. Steps stay inside the domain.
 * @throws SettingsError when a setting makes no sense.
 */
export function minimumNorm(name: string, settings: Omit<MinimumNormSettings, 'step'>): Attack {
  const {
    norm = 'l2',
    steps = 50,
    overshoot = 0.02,
    candidates = 10,
    target,
    ...others
  } = settingsOf(name, settings, "{ norm: 'l2' }")
  refuseUnknown(name, others)
  checkExponent(name, norm)
  checkCount(name, 'steps', steps)
  checkCount(name, 'candidates', candidates)
  checkTarget(name, target)
  if (!(Number.isFinite(overshoot) && overshoot >= 0)) {
    throw new SettingsError(`${name}: overshoot must be a finite number of at least 0; it is ${overshoot}.`)
  }
  const chosen = { norm, steps, overshoot, candidates }
  return {
    name,
    kind: 'minimal-distance',
    norm,
    target,
    settings: { ...chosen, ...(target !== undefined && { target: recorded(target) }) },
    run: (context) => run(context, chosen),
  }
}

// Within 0.03 % of the boundary.
const tolerance = 2 ** -12

async function run(
  context: AttackContext,
  {
    norm,
    steps,
    overshoot,
    candidates: most,
  }: Required<Pick<MinimumNormSettings, 'norm' | 'steps' | 'overshoot' | 'candidates'>>,
): Promise<AttackCandidates> {
  const { model, labels, targets } = context
  const { domain } = model
  const candidates = unchanged(context)
  const { adversarial, forwardQueries } = candidates
  const targeted = targets !== undefined
  // A single margin needs no list of classes.
  const single = targeted || Math.min(most, model.classes - 1) === 1
  const rivals = single ? [] : await likelyRivals(context, most, forwardQueries)
  const copies = single ? 2 : 2 * rivals.length + 1
  const parts = batches(range(labels.length), largestBatch(model, copies))
  for (const [index, samples] of parts.entries()) {
    let standing = samples
    let finished = true
    // The published steps ignore the domain and stall where it holds back the features that matter most.
    for (const feasible of [false, true]) {
      if (standing.length === 0 || !finished) break
      const key = [norm, overshoot, targeted && 'targeted', single && 'single', feasible && 'feasible']
      const graph = await model.compile(`minimumNorm ${key.join(' ')}`, () =>
        minimumNormGraph(model.graph, { norm, overshoot, domain, feasible, targeted, single }),
      )
      const report = (fraction: number) =>
        context.progress((index + (feasible ? 1 + fraction : fraction) / 2) / parts.length)
      const feeds = () => feedsFor(context, standing, rivals)
      const outcome = await runLoop(context, candidates, { graph, samples: standing, feeds, steps, copies, report })
      finished = outcome.finished
      standing = await stillStanding(context, adversarial, standing, forwardQueries)
    }
    const fooled = samples.filter((sample) => !standing.includes(sample))
    const atBoundary = await moveToBoundary(context, adversarial, fooled, tolerance, forwardQueries)
    if (!finished || !atBoundary) return { ...candidates, interrupted: true }
  }
  return candidates
}

function feedsFor(
  { inputs, labels, targets }: AttackContext,
  samples: readonly number[],
  rivals: readonly Int32Array[],
): Feeds {
  const { data, shape } = takeSamples(inputs, samples)
  const order = samples.flatMap((sample) => rivals.map((ofRank) => ofRank[sample]))
  return {
    'start:point': floatTensor(data, shape),
    'start:displacement': floatTensor(new Float32Array(data.length), shape),
    origin: floatTensor(data, shape),
    labels: intTensor(samples.map((sample) => (targets ?? labels)[sample])),
    ...(rivals.length > 0 && { rivals: intTensor(order, [samples.length, rivals.length]) }),
  }
}
