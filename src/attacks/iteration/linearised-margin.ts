/** How far an input is from being fooled, at most 0 where it is, and how that changes: the gradient with respect to the input. */
export interface LinearisedMargin {
  readonly margin: number
  readonly gradient: Float32Array
}
