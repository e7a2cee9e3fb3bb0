import { SettingsError } from '../errors.js'
import { type Samples, takePart } from './samples.js'

/** One of several parts that the samples of a check are split into. */
export interface Shard {
  /** From 1 to `count`. */
  readonly index: number
  readonly count: number
}

/**
 * Reads `3/16`: the third of sixteen shards.
 * @throws SettingsError when it is anything else.
 */
export function parseShard(text: string): Shard {
  const match = /^(\d{1,6})\/(\d{1,6})$/.exec(text)
  const [index, count] = [Number(match?.[1]), Number(match?.[2])]
  if (match && index >= 1 && index <= count) return { index, count }
  throw new SettingsError(
    `A shard is written as 3/16, the third of sixteen, but this one is ${JSON.stringify(text)}. Look at UNFOOLED_SHARD.`,
  )
}

/** The samples of a shard: every `count`-th, so that classes and costs spread evenly even where samples are sorted. */
export function shardIndices({ index, count }: Shard, samples: number): number[] {
  const size = Math.max(0, Math.ceil((samples - index + 1) / count))
  return Array.from({ length: size }, (_, position) => index - 1 + position * count)
}

export function takeShard(samples: Samples, shard: Shard): Samples {
  return takePart(samples, shardIndices(shard, samples.inputs.shape[0]))
}
