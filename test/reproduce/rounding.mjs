import { perturbationInBall } from '../../dist/esm/src/geometry/random-perturbation.js'
import { GraphBuilder } from '../../dist/esm/src/graph/builder.js'
import { encodeModel } from '../../dist/esm/src/graph/encode.js'
import * as unfooled from '../../dist/esm/src/index.js'
import { randomSource } from '../../dist/esm/src/sampling/random.js'
import { bounds } from '../rounding-attack/bounds.mjs'
import { families } from '../rounding-attack/families.mjs'
import { margin, refutedModel } from '../rounding-attack/refute.mjs'
import { printTable } from './table.mjs'

const wanted = Number(process.env.UNFOOLED_NETWORKS ?? 1000)
const seed = Number(process.env.UNFOOLED_TEST_SEED ?? 1)

/**
 * Networks that float32 runs misclassify although exact arithmetic certifies them (Jia, Rinard, "Exploiting verified
 * neural networks via floating point numerical error"): how many of them each bound certifies. A run of the model at
 * an input of the ball is the judge.
 */
export async function reproduceRounding() {
  const random = randomSource(seed)
  const tools = { ...unfooled, GraphBuilder, encodeModel, perturbationInBall }
  const { naive, sound } = bounds(unfooled)
  const names = Object.keys(families)
  const found = new Map(names.map((name) => [name, { drawn: 0, refuted: 0 }]))
  const certified = new Map([...Object.values(naive), ...Object.values(sound)].map((bound) => [bound, 0]))
  for (let networks = 0, turn = 0; networks < wanted; turn++) {
    const name = names[turn % names.length]
    const counts = found.get(name)
    counts.drawn++
    const refuted = await refutedModel(families[name](random), random, tools)
    if (!refuted) continue
    counts.refuted++
    networks++
    for (const bound of certified.keys()) {
      if ((await margin(refuted.model, bound, refuted, tools)) > 0) certified.set(bound, certified.get(bound) + 1)
    }
    await refuted.model.close()
  }

  console.log(`Networks that a float32 run refutes, seed ${seed}`)
  printTable(
    ['family', 'drawn', 'refuted'],
    [...found].map(([name, { drawn, refuted }]) => [name, drawn, refuted]),
  )
  console.log(`Certificates for these ${wanted} networks, all of them wrong`)
  printTable(
    ['bound', 'rounding', 'certified'],
    Object.entries({ ignored: naive, covered: sound }).flatMap(([rounding, group]) =>
      Object.entries(group).map(([name, bound]) => [name, rounding, certified.get(bound)]),
    ),
  )
  const wrong = Object.values(sound).filter((bound) => certified.get(bound) > 0).length
  console.log(`Sound bounds that certified any of them: ${wrong}: ${wrong === 0 ? 'holds' : 'does NOT hold'}\n`)
}
