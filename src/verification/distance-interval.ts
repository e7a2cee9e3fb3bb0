/** What keeps a distance from being proved. */
export type Obstacle = (typeof obstacles)[keyof typeof obstacles]

export const obstacles = {
  openUnits: 'more units (Relu, …) may switch within reach than it can tell apart',
  rounding: 'parts are left that are too small to tell apart in float64',
} as const

/** What is known of the distance of a sample to the nearest input of another class, in input units. */
export interface DistanceInterval {
  /** No input of the domain that is nearer is classified otherwise; Infinity where none is at all. */
  readonly lower: number
  /** Distance of `nearest`, Infinity without one. */
  readonly upper: number
  /** An input, in float64, that is classified otherwise. */
  readonly nearest: Float64Array | undefined
  /** The distance is known: `lower` is at most 1e-9 of it below `upper`, 1e-6 where units were split. */
  readonly proved: boolean
  /** Why it is not, where more time would not help. */
  readonly obstacle?: Obstacle
  /** Boxes, or parts by their units, that were bounded. */
  readonly boxes: number
  /** What the attack that the search starts from came to, and its cost. */
  readonly start: Float32Array
  readonly gradientQueries: number
}
