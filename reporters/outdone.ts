import type { AttackEvidence, Evidence, RecordedCheck } from '../src/checks/evidence.js'
import { formatCount } from '../src/format.js'

/** Attacks that any other must beat: random ones, and single steps. */
const baselines = ['randomNoise', 'fgsm']

/**
 * Raised when noise or a single step fools more of the same samples, within the same distances, than a stronger attack
 * on the same model does: then the stronger one is broken. One warning per baseline that does.
 */
export function outdone(evidence: Evidence, checks: readonly RecordedCheck[]): string[] {
  if (evidence.kind !== 'attack' || baselines.includes(evidence.attack.name)) return []
  const rivals = new Map<string, AttackEvidence>()
  for (const { evidence: other } of checks) {
    if (other.kind === 'attack' && baselines.includes(other.attack.name)) rivals.set(other.attack.name, other)
  }
  return [...rivals.values()].flatMap((rival) => {
    const [missed, won] = compare(evidence, rival)
    if (missed <= won) return []
    return [
      `${rival.attack.name} fools ${formatCount(missed, 'sample')} that ${evidence.attack.name} leaves standing or fools only further away, and ${won} the other way round: ${evidence.attack.name} is broken for this model, and its samples are less robust than they look. Try loss: 'margin', more steps, or an attack without gradients.`,
    ]
  })
}

/** Samples that only the rival fools within the attack's reach, and samples that only the attack does. */
function compare(evidence: AttackEvidence, rival: AttackEvidence): [missed: number, won: number] {
  const comparable =
    evidence.finding &&
    rival.finding &&
    evidence.attack.norm === rival.attack.norm &&
    evidence.samples.sha256 === rival.samples.sha256
  if (!comparable) return [0, 0]
  const { epsilon } = evidence.attack
  const { eligible, distances } = evidence.finding.perSample
  let [missed, won] = [0, 0]
  rival.finding.perSample.distances.forEach((ofRival, sample) => {
    if (!eligible[sample] || !rival.finding!.perSample.eligible[sample]) return
    const own = distances[sample]
    const reach =
      epsilon === undefined ? Number.POSITIVE_INFINITY : typeof epsilon === 'number' ? epsilon : epsilon[sample]
    // With a fixed radius any adversarial example is as good as another.
    const beaten = epsilon === undefined ? !(own <= ofRival) : Number.isNaN(own)
    if (ofRival <= reach && beaten) missed++
    if (!Number.isNaN(own) && !(ofRival <= (epsilon === undefined ? own : reach))) won++
  })
  return [missed, won]
}
