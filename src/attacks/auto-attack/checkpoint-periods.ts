/**
 * For each iteration of Auto-PGD the number of iterations since the last checkpoint where it is one, and 0 where it is
 * not. The first period is 22 % of all steps; each is shorter than the one before by 3 %, down to 6 %.
 * Croce and Hein, "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks",
 * ICML 2020, section 3.2.
 */
export function checkpointPeriods(steps: number): Float32Array {
  const share = (percent: number) => Math.max(Math.floor((percent * steps) / 100), 1)
  const periods = new Float32Array(steps + 1)
  let period = share(22)
  for (let checkpoint = period; checkpoint <= steps; checkpoint += period) {
    periods[checkpoint] = period
    period = Math.max(period - share(3), share(6))
  }
  return periods
}
