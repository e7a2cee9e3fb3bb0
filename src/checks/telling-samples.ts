import type { AttackedSample } from '../attacks/attack.js'
import type { AttackNorm } from '../geometry/norm.js'
import type { AttackFinding, ErrorLimit, RegressionFinding } from './evidence.js'

/** Fooled samples, the closest of each class first, then the second closest of each, and so on. */
export function closestOfEachClass({ fooled, labels, distances }: AttackFinding['perSample']): number[] {
  const ofClass = new Map<number, number>()
  return samplesWhere(fooled)
    .sort((one, other) => distances[one] - distances[other])
    .map((sample) => {
      const turn = ofClass.get(labels[sample]) ?? 0
      ofClass.set(labels[sample], turn + 1)
      return { sample, turn }
    })
    .sort((one, other) => one.turn - other.turn)
    .map(({ sample }) => sample)
}

/**
 * Whether an example may be among the first `most` of {@link closestOfEachClass}, asked of one after the other: few are kept,
 * however many there are.
 */
export function amongClosestOfClass(most: number, norm: AttackNorm): (sample: AttackedSample) => boolean {
  const closest = new Map<number, readonly number[]>()
  return ({ label, distance }) => {
    const known = closest.get(label) ?? []
    const length = distance![norm]
    if (known.length === most && length >= known[most - 1]) return false
    const ascending = [...known, length].sort((one, other) => one - other)
    closest.set(label, ascending.slice(0, most))
    return true
  }
}

/** Outputs beyond the limit, the largest errors first. */
export function largestErrors({ fooled, errors }: RegressionFinding['perSample'], { quantity }: ErrorLimit): number[] {
  const worse = quantity === 'psnr' ? 1 : -1
  return samplesWhere(fooled).sort((one, other) => worse * (errors[one] - errors[other]))
}

function samplesWhere(flags: Uint8Array): number[] {
  return Array.from(flags.keys()).filter((sample) => flags[sample] === 1)
}
