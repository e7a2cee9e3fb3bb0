import type { GraphBuilder } from '../../graph/builder.js'

/** Emits half a cosine wave (float [batch]) that falls from `start` in iteration 0 to `end` in iteration `steps`. */
export function emitCosineSchedule(
  builder: GraphBuilder,
  iteration: string,
  steps: number,
  start: number,
  end: number,
): string {
  const cosine = builder.add('Cos', [builder.add('Mul', [iteration, builder.scalar(Math.PI / steps)])])
  const height = builder.add('Mul', [cosine, builder.scalar((start - end) / 2)])
  return builder.add('Add', [height, builder.scalar((start + end) / 2)])
}
