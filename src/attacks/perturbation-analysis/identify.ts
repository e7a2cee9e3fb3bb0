const identities = new WeakMap<object, number>()
let identified = 0

/** A number for an object, the same each time: what stands for it in the key of a compiled graph. */
export function identify(object: object): number {
  const known = identities.get(object)
  if (known !== undefined) return known
  identities.set(object, ++identified)
  return identified
}
