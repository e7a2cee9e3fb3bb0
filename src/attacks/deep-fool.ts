import type { Feeds } from '../engine/engine.js'
import { SettingsError } from '../errors.js'
import { floatTensor, intTensor } from '../graph/builder.js'
import { largestBatch } from '../model/predict-classes.js'
import { batches, range, takeSamples } from '../sampling/rows.js'
import type { Attack, AttackCandidates, AttackContext } from './attack.js'
import { moveToBoundary } from './boundary-search.js'
import { checkCount, checkNorm } from './check-settings.js'
import { deepFoolGraph } from './deep-fool-graph.js'
import { runLoop, unchanged } from './run-loop.js'
import { stillStanding } from './still-standing.js'

export interface DeepFoolSettings {
  /** Default `l2`. */
  readonly norm?: 'l2' | 'linf'
  /** Most steps per sample. Default 50. */
  readonly steps?: number
  /** By what fraction the steps go beyond the linearised boundary. Default 0.02. */
  readonly overshoot?: number
  /** How many classes, those with the largest logits, are looked at besides the label. Default 10. */
  readonly candidates?: number
}

/**
 * DeepFool: steps to the nearest of the linearised class boundaries until the class changes, then bisection back to
 * the boundary. A minimal-distance attack; steps stay inside the domain.
 * Moosavi-Dezfooli, Fawzi, Frossard, "DeepFool: a simple and accurate method to fool deep neural networks", CVPR 2016.
 * @throws SettingsError when a setting makes no sense.
 */
export function deepFool({
  norm = 'l2',
  steps = 50,
  overshoot = 0.02,
  candidates = 10,
}: DeepFoolSettings = {}): Attack {
  checkNorm('deepFool', norm, ['l2', 'linf'])
  checkCount('deepFool', 'steps', steps)
  checkCount('deepFool', 'candidates', candidates)
  if (!(Number.isFinite(overshoot) && overshoot >= 0)) {
    throw new SettingsError(`deepFool: overshoot must be a finite number of at least 0; it is ${overshoot}.`)
  }
  const settings = { norm, steps, overshoot, candidates }
  return { name: 'deepFool', kind: 'minimal-distance', norm, settings, run: (context) => run(context, settings) }
}

// Within 0.03 % of the boundary.
const halvings = 12

async function run(
  context: AttackContext,
  { norm, steps, overshoot, candidates: most }: Required<DeepFoolSettings>,
): Promise<AttackCandidates> {
  const { model, labels } = context
  const { domain } = model
  const candidates = unchanged(context)
  const { adversarial } = candidates
  const rivals = Math.min(most, model.classes - 1)
  const copies = 2 * rivals + 1
  const parts = batches(range(labels.length), largestBatch(model.graph, copies))
  for (const [index, samples] of parts.entries()) {
    let standing = samples
    let finished = true
    // The published steps ignore the domain and stall where it holds back the features that matter most.
    for (const feasible of [false, true]) {
      if (standing.length === 0 || !finished) break
      const graph = await model.compile(`deepFool ${norm} ${overshoot} ${feasible ? 'feasible' : 'published'}`, () =>
        deepFoolGraph(model.graph, { norm, overshoot, domain, feasible }),
      )
      const report = (fraction: number) =>
        context.progress((index + (feasible ? 1 + fraction : fraction) / 2) / parts.length)
      const feeds = await feedsFor(context, standing, rivals)
      const outcome = await runLoop(context, candidates, { graph, samples: standing, feeds, steps, copies, report })
      finished = outcome.finished
      standing = await stillStanding(context, adversarial, standing)
    }
    const fooled = samples.filter((sample) => !standing.includes(sample))
    const atBoundary = await moveToBoundary(context, adversarial, fooled, halvings)
    if (!finished || !atBoundary) return { ...candidates, interrupted: true }
  }
  return candidates
}

async function feedsFor(
  { model, inputs, labels }: AttackContext,
  samples: readonly number[],
  rivals: number,
): Promise<Feeds> {
  const { data, shape } = takeSamples(inputs, samples)
  const logits = await model.predict({ data, shape })
  const order = samples.flatMap((sample, index) => {
    const row = logits.subarray(index * model.classes, (index + 1) * model.classes)
    const others = range(model.classes).filter((label) => label !== labels[sample])
    return others.sort((left, right) => row[right] - row[left]).slice(0, rivals)
  })
  return {
    'start:point': floatTensor(data, shape),
    'start:displacement': floatTensor(new Float32Array(data.length), shape),
    origin: floatTensor(data, shape),
    labels: intTensor(samples.map((sample) => labels[sample])),
    rivals: intTensor(order, [samples.length, rivals]),
  }
}
