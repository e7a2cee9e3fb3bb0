/**
 * What a check found. `inconclusive` (nothing eligible, budget spent, numbers that are not finite, an analysis that
 * could not run) fails an assertion and its negation.
 */
export type Verdict = 'resists' | 'fooled' | 'certified' | 'violated' | 'uncertified' | 'inconclusive'
