import type { AttackContext } from '../attacks/attack.js'
import type { BoundContext } from '../bounds/bound.js'
import { now } from '../clock.js'
import { formatDuration, formatPercent } from '../format.js'

/** How far the work of an attack or a bound is. */
export interface Progress {
  /** Name of the attack or bound. */
  readonly name: string
  /** Between 0 and 1: of the attack, or of this evaluation of the bound. */
  readonly fraction: number
  /** Samples fooled so far, where the attack knows. */
  readonly fooled?: number
  /** Of a bound: which evaluation this is. Several are needed to find the largest radii. */
  readonly evaluation?: number
  /** Since the attack, or this evaluation, began. */
  readonly milliseconds: number
}

/**
 * The same attack or bound, which tells of its progress, and with undefined of its end. What is neither is returned as it
 * is.
 */
export function watchProgress<Method>(method: Method, tell: (progress: Progress | undefined) => void): Method {
  if (typeof method !== 'object' || method === null) return method
  const { name, run, margins, radii } = method as unknown as Watchable
  let evaluation = 0
  const watch = async <Result>(about: Partial<Progress>, work: (report: Report) => Promise<Result>) => {
    const started = now()
    const report: Report = (fraction, fooled) =>
      tell({ name, ...about, fraction, fooled, milliseconds: now() - started })
    report(0)
    try {
      return await work(report)
    } finally {
      tell(undefined)
    }
  }
  // The original stays the prototype: it may be an object of a user's class.
  return Object.assign(Object.create(method), {
    ...(run && {
      run: (context: AttackContext) =>
        watch({}, (report) => {
          const progress: Report = (fraction, fooled) => {
            report(fraction, fooled)
            context.progress(fraction, fooled)
          }
          return run.call(method, { ...context, progress })
        }),
    }),
    ...(margins && {
      margins: (context: BoundContext, epsilon: Float64Array) =>
        watch({ evaluation: ++evaluation }, (progress) => margins.call(method, { ...context, progress }, epsilon)),
    }),
    ...(radii && {
      radii: (context: BoundContext) => watch({}, (progress) => radii.call(method, { ...context, progress })),
    }),
  })
}

type Report = AttackContext['progress']

interface Watchable {
  readonly name: string
  readonly run?: (context: AttackContext) => Promise<unknown>
  readonly margins?: (context: BoundContext, epsilon: Float64Array) => Promise<unknown>
  readonly radii?: (context: BoundContext) => Promise<unknown>
}

/**
 * `pgd on model.onnx: 40 %, 12 fooled so far, about 9 s left`.
 * @param waited Milliseconds since the progress was told.
 */
export function describeProgress(
  { name, fraction, fooled, evaluation, milliseconds }: Progress,
  model: string,
  waited = 0,
): string {
  const left = Math.max(0, (milliseconds * (1 - fraction)) / fraction - waited)
  const facts = [
    ...(evaluation === undefined ? [] : [`evaluation ${evaluation}`]),
    ...(fraction > 0 ? [formatPercent(fraction)] : []),
    ...(fooled === undefined ? [] : [`${fooled} fooled so far`]),
    fraction > 0 ? `about ${formatDuration(left)} left` : `under way for ${formatDuration(milliseconds + waited)}`,
  ]
  return `${name} on ${model}: ${facts.join(', ')}`
}
