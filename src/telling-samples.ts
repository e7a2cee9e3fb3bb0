import type { AttackFinding, ErrorLimit, RegressionFinding } from './evidence.js'

/** Fooled samples, the closest of each class first, then the second closest of each, and so on. */
export function closestOfEachClass({
  labels,
  fooled,
  distances,
}: Pick<AttackFinding['perSample'], 'labels' | 'fooled' | 'distances'>): number[] {
  const ofClass = new Map<number, number>()
  return fooledSamples(fooled)
    .sort((one, other) => distances[one] - distances[other])
    .map((sample) => {
      const turn = ofClass.get(labels[sample]) ?? 0
      ofClass.set(labels[sample], turn + 1)
      return { sample, turn }
    })
    .sort((one, other) => one.turn - other.turn)
    .map(({ sample }) => sample)
}

/** Fooled samples, those with the worst outputs first. */
export function worstOutputs(
  { fooled, errors }: Pick<RegressionFinding['perSample'], 'fooled' | 'errors'>,
  { quantity }: ErrorLimit,
): number[] {
  const worse = quantity === 'psnr' ? 1 : -1
  return fooledSamples(fooled).sort((one, other) => worse * (errors[one] - errors[other]))
}

function fooledSamples(fooled: Uint8Array): number[] {
  return Array.from(fooled.keys()).filter((sample) => fooled[sample])
}
