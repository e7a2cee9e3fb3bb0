import { refuseUnknown, settingsOf } from '../../arguments.js'
import { floatTensor, intTensor } from '../../graph/builder.js'
import { largestBatch } from '../../model/predict-classes.js'
import type { PerSample } from '../../sampling/per-sample.js'
import { batches, range, rowOf, takeSamples } from '../../sampling/rows.js'
import type { Attack, AttackCandidates, AttackContext } from '../attack.js'
import { checkCount, checkTarget, recorded } from '../check-settings.js'
import { checkGradients } from '../iteration/check-gradients.js'
import { likelyRivals } from '../iteration/likely-rivals.js'
import { unchanged } from '../iteration/run-loop.js'
import { hotColdGraph } from './hot-cold-graph.js'
import { searchAlong, type Way } from './search-along.js'

export interface HotColdSettings {
  /** The hot class of all samples, or one per sample. Default: each of the `hotClasses`, and the closest result counts. */
  readonly target?: PerSample
  /** How many classes, those with the largest logits, are tried as the hot one where there is no target. Default 10. */
  readonly hotClasses?: number
}

/**
 * Hot/cold: the feature vector with |f| at a hot class, −|f| at the label, the cold class, and 0 elsewhere is carried back
 * from the logits f to the input; the sample moves along the direction that results until the class changes, once for
 * each hot class. A minimal-distance attack in ℓ2; the length is found by a scan and bisection, clipped to the domain.
 * Rozsa, Rudd, Boult, "Adversarial diversity and hard positive generation", CVPR Workshops 2016; Peck, "Lower bounds on
 * the robustness to adversarial perturbations", equation 2.9, where a negative logit of the label would move towards it.
 * @throws SettingsError when a setting makes no sense.
 */
export function hotCold(settings: HotColdSettings = {}): Attack {
  const { target, hotClasses = 10, ...others } = settingsOf('hotCold', settings, '{ hotClasses: 10 }')
  refuseUnknown('hotCold', others)
  checkTarget('hotCold', target)
  checkCount('hotCold', 'hotClasses', hotClasses)
  return {
    name: 'hotCold',
    kind: 'minimal-distance',
    norm: 'l2',
    target,
    settings: target === undefined ? { hotClasses } : { target: recorded(target) },
    run: (context) => run(context, hotClasses),
  }
}

async function run(context: AttackContext, hotClasses: number): Promise<AttackCandidates> {
  const { model, labels, targets, budget } = context
  const size = model.domain.lower.length
  const candidates = unchanged(context)
  const { steps, gradientQueries, forwardQueries, vanishedGradients } = candidates
  if (!(await budget.next())) return { ...candidates, interrupted: true }
  const hot = targets ? [targets] : await likelyRivals(context, hotClasses, forwardQueries)
  const parts = batches(range(labels.length), largestBatch(model, hot.length + 1))
  for (const [index, samples] of parts.entries()) {
    if (!(await budget.next())) return { ...candidates, interrupted: true }
    const directions = await directionsOf(context, samples, hot)
    const ways: Way[] = []
    samples.forEach((sample, row) => {
      steps[sample] = 1
      gradientQueries[sample] = hot.length
      for (const rank of hot.keys()) {
        const direction = rowOf(directions, size, row * hot.length + rank)
        if (direction.every((entry) => entry === 0)) continue
        vanishedGradients[sample] = 0
        ways.push({ sample, direction })
      }
    })
    if (!(await searchAlong(context, ways, 'l2', candidates))) return { ...candidates, interrupted: true }
    context.progress((index + 1) / parts.length)
  }
  return candidates
}

/** One direction for each sample and each of its hot classes, which come as one list per rank. */
async function directionsOf(
  { model, inputs, labels }: AttackContext,
  samples: readonly number[],
  hot: readonly Int32Array[],
): Promise<Float32Array> {
  const { data, shape } = takeSamples(inputs, samples)
  const compiled = await model.compile('hot/cold', () => hotColdGraph(model.graph))
  const results = await compiled.run({
    [model.graph.inputs[0].name]: floatTensor(data, shape),
    cold: intTensor(samples.map((sample) => labels[sample])),
    hot: intTensor(
      samples.flatMap((sample) => hot.map((classes) => classes[sample])),
      [samples.length, hot.length],
    ),
  })
  const directions = results.directions.data as Float32Array
  checkGradients(directions)
  return directions
}
