import type { Evidence, RecordedCheck } from '../src/checks/evidence.js'
import type { Norm } from '../src/geometry/norm.js'
import { median } from '../src/statistics/median.js'

/** A sample that one check certified and another one fooled within the certified radius. */
export interface Contradiction {
  readonly sample: number
  readonly norm: Norm
  readonly radius: number
  readonly certifiedBy: string
  readonly distance: number
  readonly fooledBy: string
}

/** Median over the samples of (distance of the closest adversarial example − certified radius); undefined without any. */
export function gap(bound: Evidence, checks: readonly RecordedCheck[]): number | undefined {
  const gaps = compare(bound, checks).map(({ distance, radius }) => distance - radius)
  return gaps.length === 0 ? undefined : median(gaps)
}

/** Sound certificates that an attack of another check refutes; what a check refutes itself is in its own verdict. */
export function contradictions(checks: readonly RecordedCheck[]): Contradiction[] {
  return checks
    .filter(({ evidence }) => 'bound' in evidence && evidence.bound.sound)
    .flatMap((check) =>
      compare(
        check.evidence,
        checks.filter((other) => other !== check),
      ),
    )
    .filter(({ distance, radius }) => radius > 0 && distance <= radius)
}

/** Pairs the certified radius of each sample with its closest adversarial example, where a check found one. */
function compare(bound: Evidence, checks: readonly RecordedCheck[]): Contradiction[] {
  if (!('bound' in bound) || !bound.finding) return []
  const radii = certifiedRadii(bound)!
  const { eligible } = bound.finding.perSample
  const { norm, name: certifiedBy } = bound.bound
  const closest = new Map<number, Contradiction>()
  for (const { evidence } of checks) {
    const attack = adversarialDistances(evidence, norm)
    if (!attack || evidence.samples.sha256 !== bound.samples.sha256) continue
    attack.distances.forEach((distance, sample) => {
      if (Number.isNaN(distance) || !eligible[sample]) return
      if (distance >= (closest.get(sample)?.distance ?? Number.POSITIVE_INFINITY)) return
      closest.set(sample, { sample, norm, radius: radii[sample], certifiedBy, distance, fooledBy: attack.name })
    })
  }
  return [...closest.values()]
}

/**
 * Certified radius per sample; a check at one radius says that it is at least this. Undefined for what is no bound, or
 * has no finding.
 */
export function certifiedRadii(evidence: Evidence): Float64Array | undefined {
  switch (evidence.kind) {
    case 'lower-bound': {
      const { radius, finding } = evidence
      return finding && Float64Array.from(finding.perSample.certified, (certified) => certified * radius)
    }
    case 'bound-validity':
      return evidence.finding?.perSample.radii
    case 'baseline':
      return evidence.method.kind === 'bound' ? evidence.finding?.perSample.withstood : undefined
    default:
      return undefined
  }
}

function adversarialDistances(evidence: Evidence, norm: Norm): { name: string; distances: Float64Array } | undefined {
  if (evidence.kind === 'attack') {
    const { attack, finding } = evidence
    return finding && attack.norm === norm ? { name: attack.name, distances: finding.perSample.distances } : undefined
  }
  if (evidence.kind === 'bound-validity' && evidence.finding && evidence.bound.norm === norm) {
    const name = evidence.attacks.map((attack) => attack.name).join(', ')
    return { name, distances: evidence.finding.perSample.distances }
  }
  return undefined
}
