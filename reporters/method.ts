import type { Evidence, Method, SampleEvidence } from '../src/checks/evidence.js'

/** The attack, bound or property that a check is about. */
export function methodOf(evidence: SampleEvidence): Omit<Method, 'kind'>
export function methodOf(evidence: Evidence): Omit<Method, 'kind' | 'norm'> & Partial<Pick<Method, 'norm'>>
export function methodOf(evidence: Evidence): Omit<Method, 'kind' | 'norm'> & Partial<Pick<Method, 'norm'>> {
  switch (evidence.kind) {
    case 'attack':
    case 'regression-attack':
      return evidence.attack
    case 'lower-bound':
    case 'bound-validity':
      return evidence.bound
    case 'baseline':
      return evidence.method
    case 'property':
      return { name: evidence.property.name, settings: {} }
  }
}
