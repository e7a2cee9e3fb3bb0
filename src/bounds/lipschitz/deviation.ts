import type { Norm } from '../../geometry/norm.js'

/** At most gain·ε + error[sample], for all ε. */
export interface Deviation {
  readonly gain: number
  readonly error: Float64Array
}

export function scale({ gain, error }: Deviation, factor: number): Deviation {
  return { gain: gain * factor, error: error.map((value) => value * factor) }
}

/** The same for all ε. */
export function constant(error: Float64Array): Deviation {
  return { gain: 0, error }
}

export function sum(parts: readonly Deviation[]): Deviation {
  return parts.reduce(({ gain, error }, part) => ({
    gain: gain + part.gain,
    error: error.map((value, sample) => value + part.error[sample]),
  }))
}

/** At least as large as all parts. */
export function maximum(parts: readonly Deviation[]): Deviation {
  return join(parts, Math.max)
}

/** Of vectors side by side: ‖(a, b)‖, which is at most what the parts of both say, taken by themselves (Minkowski). */
export function concatenation(parts: readonly Deviation[], norm: Norm): Deviation {
  if (norm === 'l1') return sum(parts)
  return join(parts, norm === 'linf' ? Math.max : Math.hypot)
}

function join(parts: readonly Deviation[], by: (...values: number[]) => number): Deviation {
  return {
    gain: by(...parts.map(({ gain }) => gain)),
    error: parts[0].error.map((_, sample) => by(...parts.map(({ error }) => error[sample]))),
  }
}
