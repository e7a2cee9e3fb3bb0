type Report = (fraction: number, fooled?: number) => void

/** For each of several parts of equal weight a report of its own: together they are the progress of the whole. */
export function sharedProgress(parts: number, report: Report | undefined): Report[] {
  const fractions = new Float64Array(parts)
  const counts = new Int32Array(parts)
  return Array.from({ length: parts }, (_, part) => (fraction, fooled) => {
    fractions[part] = Math.min(Math.max(fraction, 0), 1)
    counts[part] = fooled ?? counts[part]
    report?.(total(fractions) / parts, fooled === undefined ? undefined : total(counts))
  })
}

function total(numbers: Float64Array | Int32Array): number {
  let sum = 0
  for (const number of numbers) sum += number
  return sum
}
