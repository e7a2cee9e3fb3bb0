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

/** Whether a check failed, and its runner expects its test to fail. What could not tell has shown no failure. */
export function failedAsExpected({ verdict, assertion }: AssertedCheck): boolean {
  return verdict !== 'inconclusive' && assertion?.passed === false && assertion.expectedToFail === true
}

interface AssertedCheck {
  readonly verdict: Verdict
  readonly assertion?: { readonly passed: boolean; readonly expectedToFail?: boolean }
}
