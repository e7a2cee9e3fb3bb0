const float = new Float32Array(1)
const bits = new Int32Array(float.buffer)

/** The lowest finite float32 number. */
export const lowestFloat32 = -(2 - 2 ** -23) * 2 ** 127

/** The least positive float32 number. */
export const leastPositive = 2 ** -149

/** The float32 nearest to `value` among those between `value` and `anchor`; `anchor` is itself a float32. */
export function roundToward(value: number, anchor: number): number {
  const rounded = Math.fround(value)
  const upwards = value < anchor
  if (upwards ? rounded >= value : rounded <= value) return rounded
  if (rounded === 0) return upwards ? leastPositive : -leastPositive
  float[0] = rounded
  // Bit patterns of one sign are ordered like magnitudes.
  bits[0] += rounded > 0 === upwards ? 1 : -1
  return float[0]
}

/** A loop: `every` with a function takes ten times as long, which counts where inputs are images. */
export function allFinite(values: Float32Array): boolean {
  for (let index = 0; index < values.length; index++) if (!Number.isFinite(values[index])) return false
  return true
}
