/** What every sample has one entry of. */
export type PerSampleArray = Uint8Array | Int32Array | Float64Array

/** Puts the entries of all shards back into the order of the samples: shard k has those with index ≡ k − 1. */
export function interleave<List extends PerSampleArray>(shards: readonly List[]): List {
  const total = shards.reduce((sum, { length }) => sum + length, 0)
  const whole = new (shards[0].constructor as new (length: number) => List)(total)
  shards.forEach((entries, shard) => {
    entries.forEach((entry, position) => {
      whole[shard + position * shards.length] = entry
    })
  })
  return whole
}

/** The same for every list of a record; a list that some shards lack is left out. */
export function interleaveAll<Lists extends object>(shards: readonly Lists[]): Lists {
  const names = Object.keys(shards[0]) as (keyof Lists)[]
  const complete = names.filter((name) => shards.every((lists) => lists[name] !== undefined))
  return Object.fromEntries(
    complete.map((name) => [name, interleave(shards.map((lists) => lists[name] as PerSampleArray))]),
  ) as Lists
}
