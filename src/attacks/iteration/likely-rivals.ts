import type { Classifier } from '../../model/classifier.js'
import { largestBatch } from '../../model/predict-classes.js'
import { batches, range, takeSamples } from '../../sampling/rows.js'
import type { AttackContext } from '../attack.js'

/**
 * The classes besides the label that the model gives the largest logits on the unperturbed samples: first the likeliest
 * of each sample, then the second likeliest and so on, at most `count` of them.
 * @param forwardQueries Counts the forward passes of each sample.
 */
export async function likelyRivals(
  { model, inputs, labels }: Pick<AttackContext, 'model' | 'inputs' | 'labels'>,
  count: number,
  forwardQueries: Int32Array,
): Promise<Int32Array[]> {
  const ranks = Math.min(count, model.classes - 1)
  const rivals = range(ranks).map(() => new Int32Array(labels.length))
  for (const samples of batches(range(labels.length), largestBatch(model))) {
    const logits = await model.predict(takeSamples(inputs, samples))
    samples.forEach((sample, index) => {
      forwardQueries[sample]++
      const order = byLogit(model, logits.subarray(index * model.classes, (index + 1) * model.classes))
      const others = order.filter((label) => label !== labels[sample])
      rivals.forEach((ofRank, rank) => {
        ofRank[sample] = others[rank]
      })
    })
  }
  return rivals
}

function byLogit({ classes }: Classifier, logits: Float32Array): number[] {
  return range(classes).sort((left, right) => logits[right] - logits[left])
}
