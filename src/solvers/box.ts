/** Bounds of every coordinate; equal ones fix it. */
export interface Box {
  readonly lower: ArrayLike<number>
  readonly upper: ArrayLike<number>
}
