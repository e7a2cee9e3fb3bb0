/**
 * What a check found. `inconclusive` (nothing eligible, budget spent, numbers that are not finite, an analysis that
 * could not run) fails an assertion and its negation.
 */
export type Verdict =
  | 'resists'
  | 'fooled'
  | 'certified'
  | 'uncertified'
  | 'valid'
  | 'violated'
  | 'kept'
  | 'regressed'
  | 'proved'
  | 'refuted'
  | 'inconclusive'

/** Whether what was asserted is true; undefined where the check could not tell. */
export function holds(verdict: Verdict): boolean | undefined {
  switch (verdict) {
    case 'resists':
    case 'certified':
    case 'valid':
    case 'kept':
    case 'proved':
      return true
    case 'fooled':
    case 'uncertified':
    case 'violated':
    case 'regressed':
    case 'refuted':
      return false
    case 'inconclusive':
      return undefined
  }
}

/** Whether an assertion, or its negation, passes with this verdict. */
export function passes(verdict: Verdict, negated: boolean): boolean {
  return holds(verdict) === !negated
}
