import { binomialUpperTail } from './binomial.js'

/**
 * One-sided exact McNemar test: the probability of at least `worse` of the discordant pairs for the worse, if for each of
 * them either direction were equally likely.
 * McNemar, "Note on the sampling error of the difference between correlated proportions or percentages", Psychometrika 1947.
 */
export function mcNemarPValue(worse: number, better: number): number {
  return binomialUpperTail(worse, worse + better, 0.5)
}

/** Fewest discordant pairs, all for the worse, that the test takes for a regression at this confidence. */
export function fewestDiscordantPairs(confidence: number): number {
  let pairs = 1
  while (mcNemarPValue(pairs, 0) > 1 - confidence) pairs++
  return pairs
}
