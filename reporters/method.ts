import type { Evidence, Method } from '../src/evidence.js'

/** The attack or bound that a check is about. */
export function methodOf(evidence: Evidence): Omit<Method, 'kind'> {
  switch (evidence.kind) {
    case 'attack':
    case 'regression-attack':
      return evidence.attack
    case 'lower-bound':
    case 'bound-validity':
      return evidence.bound
    case 'baseline':
      return evidence.method
  }
}
