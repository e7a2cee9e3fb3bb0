declare module 'jstat' {
  const jstat: {
    readonly jStat: {
      /** Inverse of the regularised incomplete beta function: the p-quantile of the Beta(α, β) distribution. */
      ibetainv(p: number, alpha: number, beta: number): number
      /** Regularised incomplete beta function: the distribution function of Beta(α, β) at x. */
      ibeta(x: number, alpha: number, beta: number): number
      mean(values: readonly number[]): number
      /** Standard deviation: over n, or over n − 1 of a sample. */
      stdev(values: readonly number[], ofSample: boolean): number
    }
  }
  export default jstat
}
