import { createHash } from 'node:crypto'
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { xoroshiro128plus, xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus'
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator'
import { SettingsError } from '../errors.js'

/** A seeded stream of random numbers. */
export interface RandomSource {
  /** Uniform on [0, 1). */
  uniform(): number
  /** Standard normal. */
  normal(): number
}

export function randomSource(seed: number): RandomSource {
  checkSeed(seed)
  return drawFrom(xoroshiro128plus(seed))
}

/**
 * A stream for each sample, from the seed and its position among all samples of the check: what is drawn for a sample
 * depends neither on the others nor on how they are split into batches and shards.
 */
export function randomSources(seed: number, positions: readonly number[]): RandomSource[] {
  checkSeed(seed)
  return positions.map((position) => {
    // The generator's own seeding gives close seeds streams that begin alike.
    const hash = createHash('sha256').update(`${seed} ${position}`).digest()
    return drawFrom(xoroshiro128plusFromState([0, 4, 8, 12].map((offset) => hash.readInt32LE(offset))))
  })
}

function checkSeed(seed: number): void {
  if (Number.isSafeInteger(seed)) return
  throw new SettingsError(`A seed is a whole number; it is ${typeof seed === 'string' ? JSON.stringify(seed) : seed}.`)
}

function drawFrom(generator: RandomGenerator): RandomSource {
  const uniform = () => uniformFloat64(generator)
  return {
    uniform,
    // Box-Muller; 1 − u keeps the logarithm away from zero.
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  }
}

/** A seed for a check that was given none; it is printed, so that the check can be replayed, and short enough to type. */
export function freshSeed(): number {
  return Math.floor(Math.random() * 1e6)
}
