/** A closed box: bounds of every coordinate. */
export interface Float64Box {
  readonly lower: Float64Array
  readonly upper: Float64Array
}
