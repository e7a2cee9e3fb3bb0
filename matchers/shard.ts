import type { Attack } from '../src/attacks/attack.js'
import { describeSamples } from '../src/checks/describe.js'
import type { ShardOfSamples } from '../src/checks/evidence.js'
import type { PerSample } from '../src/sampling/per-sample.js'
import type { Samples } from '../src/sampling/samples.js'
import { parseShard, shardIndices, takeShard } from '../src/sampling/shard.js'
import { requireSamples } from './arguments.js'

/** What this process does of a check: all of it, or one shard of the samples. */
export interface PartOfCheck {
  readonly shard: ShardOfSamples | undefined
  /** The options, with the samples of the shard and a seed that all shards share. */
  options<Options extends SeededSamples>(whole: Options): Options
  /** The attack, with the radii and targets of the shard's samples where they differ between samples. */
  attack<Method>(whole: Method): Method
}

interface SeededSamples {
  readonly samples: Samples
  readonly seed?: number
}

/** What no shard does a part of. */
export const allOfIt: PartOfCheck = { shard: undefined, options: (whole) => whole, attack: (whole) => whole }

/** Whether another process does what cannot be shared: the first shard does all of it. */
export function isLeftToFirstShard(): boolean {
  const { UNFOOLED_SHARD } = process.env
  return UNFOOLED_SHARD ? parseShard(UNFOOLED_SHARD).index > 1 : false
}

/**
 * Reads from UNFOOLED_SHARD which samples this process checks.
 * @throws SettingsError when that is no shard, or the options have no samples.
 */
export function partOfCheck(whole: SeededSamples): PartOfCheck {
  const { UNFOOLED_SHARD } = process.env
  if (!UNFOOLED_SHARD) return allOfIt
  const samples = requireSamples(whole)
  const of = describeSamples(samples)
  const shard = { ...parseShard(UNFOOLED_SHARD), of }
  const seed = whole.seed ?? Number.parseInt(of.sha256.slice(0, 8), 16) % 1e6
  const indices = shardIndices(shard, of.count)
  const take = (values: PerSample | undefined) =>
    typeof values === 'object' && values.length === of.count
      ? Float64Array.from(indices, (sample) => values[sample])
      : values
  return {
    shard,
    options: (options) => ({ ...options, samples: takeShard(samples, shard), seed }),
    attack: (method) => {
      // What is no attack is for the check to refuse.
      if (typeof method !== 'object' || method === null) return method
      const { epsilon, target } = method as Partial<Attack>
      return { ...method, epsilon: take(epsilon), target: take(target) }
    },
  }
}
