declare module 'jstat' {
  const jstat: {
    readonly jStat: {
      /** Inverse of the regularised incomplete beta function: the p-quantile of the Beta(α, β) distribution. */
      ibetainv(p: number, alpha: number, beta: number): number
      /** Regularised incomplete beta function: the distribution function of Beta(α, β) at x. */
      ibeta(x: number, alpha: number, beta: number): number
    }
  }
  export default jstat
}
