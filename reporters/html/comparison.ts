import type { Evidence, RecordedCheck, SampleEvidence } from '../../src/checks/evidence.js'
import { beyond } from '../../src/checks/reasons.js'
import type { AttackNorm } from '../../src/geometry/norm.js'
import { type BoundDeviation, boundDeviation } from '../../src/measures/bound-deviation.js'
import { certifiedRadii } from '../gap.js'
import { methodOf } from '../method.js'

type SampleCheck = RecordedCheck & { readonly evidence: SampleEvidence }

/** The checks of a model that fit on one axis: same samples, same norm, same notion of being fooled. */
export interface Comparison {
  readonly norm: AttackNorm
  readonly samples: number
  /** What fools a regressor; undefined for a classifier. */
  readonly limit?: string
  /** Only checks that found something out. */
  readonly records: readonly SampleCheck[]
}

/** How far an attack or a bound gets, over all checks with it. */
export interface Reach {
  /** Name of the attack or bound; with the number of eligible samples where two differ only by them. */
  readonly method: string
  readonly eligible: number
  /** At how many radii it was tried: infinitely many when it looks for the closest example or the largest radius. */
  readonly radii: number
  /** The largest of them. */
  readonly furthest: number
  /** Distance or certified radius of each sample; NaN where it is not fooled or not eligible. */
  readonly bySample: readonly number[]
  /** Those above 0, ascending. */
  readonly values: readonly number[]
}

/** In the order of the checks. */
export function comparisons(records: readonly RecordedCheck[]): Comparison[] {
  const groups = new Map<string, Comparison & { readonly records: SampleCheck[] }>()
  for (const record of records.filter(isOfSamples)) {
    const { evidence } = record
    if (!evidence.finding || evidence.finding.eligible === 0) continue
    const { norm } = methodOf(evidence)
    const limit = evidence.kind === 'regression-attack' ? beyond(evidence.limit) : undefined
    const key = JSON.stringify([norm, evidence.samples.sha256, limit])
    const group = groups.get(key) ?? { norm, samples: evidence.samples.count, limit, records: [] }
    group.records.push(record)
    groups.set(key, group)
  }
  return [...groups.values()]
}

function isOfSamples(record: RecordedCheck): record is SampleCheck {
  return record.evidence.kind !== 'property'
}

/** The closest adversarial examples of each attack. */
export function attackReach({ records }: Comparison): Reach[] {
  return reach(records, Math.min, (evidence) => {
    const values = adversarialDistances(evidence)
    return values && { method: methodOf(evidence).name, values }
  })
}

/** The largest radii that each bound certifies. */
export function boundReach({ records }: Comparison): Reach[] {
  return reach(records, Math.max, (evidence) => {
    const values = certifiedRadii(evidence)
    return values && { method: nameBound(evidence), values }
  })
}

/** The closest adversarial examples of all attacks that a bound was checked with, named after the bound. */
export function challengerReach({ records }: Comparison): Reach[] {
  return reach(records, Math.min, (evidence) => {
    if (evidence.kind !== 'bound-validity') return undefined
    return { method: nameBound(evidence), values: evidence.finding!.perSample.distances }
  })
}

/** How far each bound is from each attack. */
export function deviations(comparison: Comparison): ({ readonly pair: string } & BoundDeviation)[] {
  const attacks = attackReach(comparison)
  const own = challengerReach(comparison)
  return boundReach(comparison).flatMap((bound) => {
    const opponents = own.filter(({ method }) => method === bound.method)
    return [...attacks, ...opponents.map((each) => ({ ...each, method: 'its own attacks' }))].flatMap((attack) => {
      const found = boundDeviation(attack.bySample, bound.bySample)
      return found.deviation.count === 0 ? [] : [{ pair: `${bound.method} ↔ ${attack.method}`, ...found }]
    })
  })
}

/** Of a check with a finding: NaN where the sample is not fooled; undefined for what is no attack. */
export function adversarialDistances(evidence: Evidence): Float64Array | undefined {
  if (evidence.kind === 'attack' || evidence.kind === 'regression-attack') {
    const { fooled, distances } = evidence.finding!.perSample
    return distances.map((distance, sample) => (fooled[sample] ? distance : Number.NaN))
  }
  if (evidence.kind !== 'baseline' || evidence.method.kind === 'bound') return undefined
  const { kind, epsilon } = evidence.method
  return evidence.finding!.perSample.withstood.map((withstood, sample) => {
    if (kind === 'minimal-distance') return Number.isFinite(withstood) ? withstood : Number.NaN
    if (withstood > 0) return Number.NaN
    return typeof epsilon === 'object' ? epsilon[sample] : (epsilon ?? Number.NaN)
  })
}

function nameBound(evidence: Evidence): string {
  const estimate = 'bound' in evidence && !evidence.bound.sound
  return `${methodOf(evidence).name}${estimate ? ' (estimate)' : ''}`
}

function reach(
  records: readonly SampleCheck[],
  better: (one: number, other: number) => number,
  read: (evidence: SampleEvidence) => { method: string; values: Float64Array } | undefined,
): Reach[] {
  const methods = new Map<string, { method: string; eligible: number; tried: Set<number>; bySample: number[] }>()
  for (const { evidence } of records) {
    const found = read(evidence)
    if (!found) continue
    const { eligible, perSample } = evidence.finding!
    // A targeted attack has other eligible samples: its ratio is of something else.
    const key = `${found.method} ${perSample.eligible.join('')}`
    const namesake = [...methods.values()].some(({ method }) => method === found.method)
    const known = methods.get(key) ?? {
      method: namesake ? `${found.method} (${eligible} eligible)` : found.method,
      eligible,
      tried: new Set<number>(),
      bySample: Array<number>(perSample.eligible.length).fill(Number.NaN),
    }
    known.tried.add(radiusOf(evidence))
    found.values.forEach((value, sample) => {
      if (!perSample.eligible[sample] || Number.isNaN(value)) return
      const best = known.bySample[sample]
      known.bySample[sample] = Number.isNaN(best) ? value : better(value, best)
    })
    methods.set(key, known)
  }
  return [...methods.values()].map(({ tried, ...known }) => ({
    ...known,
    radii: tried.has(Number.POSITIVE_INFINITY) ? Number.POSITIVE_INFINITY : tried.size,
    furthest: Math.max(...tried),
    values: known.bySample.filter((value) => value > 0).sort((left, right) => left - right),
  }))
}

/** Infinity for what is not about one radius, or about another one for each sample. */
function radiusOf(evidence: Evidence): number {
  const radius = evidence.kind === 'lower-bound' ? evidence.radius : methodOf(evidence).epsilon
  return typeof radius === 'number' ? radius : Number.POSITIVE_INFINITY
}
