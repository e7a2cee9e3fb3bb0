import { afterAll, expect, test } from 'vitest'
import { engine } from '../../src/engine/engine.js'
import { perturbationInBall } from '../../src/geometry/random-perturbation.js'
import { GraphBuilder } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import * as unfooled from '../../src/index.js'
import { randomSource } from '../../src/sampling/random.js'
import { bounds } from '../rounding-attack/bounds.mjs'
import { families } from '../rounding-attack/families.mjs'
import { margin, refutedModel } from '../rounding-attack/refute.mjs'
import { seed } from '../seed.js'

afterAll(() => engine.close())

const tools = { ...unfooled, GraphBuilder, encodeModel, perturbationInBall }
const { naive, sound } = bounds(unfooled)
const wanted = 2
const most = 20
// `npm run reproduce rounding` has all of them, and 1 000 networks.
const quick = ['crown ℓ∞', 'crown ℓ2', 'alphaCrown ℓ∞', 'intervals ℓ∞'] as const

test.each(Object.entries(families))(
  '%s: what a run of the model refutes, exact arithmetic certifies and no sound bound does',
  async (_name, family) => {
    const random = randomSource(seed)
    let refuted = 0
    for (let drawn = 0; refuted < wanted && drawn < most; drawn++) {
      const found = await refutedModel(family(random), random, tools)
      if (!found) continue
      refuted++
      expect(await margin(found.model, naive['crown ℓ∞, float64'], found, tools)).toBeGreaterThan(0)
      for (const bound of quick.map((name) => sound[name])) {
        expect(await margin(found.model, bound, found, tools)).toBeLessThanOrEqual(0)
      }
      await found.model.close()
    }
    expect(refuted).toBe(wanted)
  },
)
