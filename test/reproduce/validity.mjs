import * as fc from 'fast-check'
import { startBudget } from '../../dist/esm/src/budget.js'
import * as unfooled from '../../dist/esm/src/index.js'
import { networks, validLowerBounds } from '../../dist/esm/src/properties/index.js'
import { attackList } from '../attack-list.mjs'
import { errata, tolerance, weightCount } from '../errata.mjs'
import { printTable } from './table.mjs'

const seeds = Number(process.env.UNFOOLED_SEEDS ?? 20)
const runs = Number(process.env.UNFOOLED_RUNS ?? 10_000)
const firstSeed = Number(process.env.UNFOOLED_TEST_SEED ?? 1)
const samplesPerNetwork = 24
const secondsPerQuestion = 1
const secondsPerErratum = 60
const secondsOfShrinking = 10

const smooth = networks({ inputs: 'vector', layers: ['Sigmoid', 'Tanh'] })
const linear = networks({ layers: ['convolution', 'batch normalization'] })
const every = ['linf', 'l2', 'l1']

/** Every sound bound, in its norms, on networks that it has rules for. */
const sound = [
  ['linearExact', every, (norm) => unfooled.linearExact({ norm }), linear],
  ['lipschitz, global', every, (norm) => unfooled.lipschitz({ norm }), networks()],
  ['lipschitz, local', every, (norm) => unfooled.lipschitz({ norm, scope: 'local' }), networks()],
  ['taylor', ['l2'], () => unfooled.taylor(), smooth],
  ['intervalPropagation', every, (norm) => unfooled.intervalPropagation({ norm }), networks()],
  ['crownIbp', every, (norm) => unfooled.crownIbp({ norm }), networks()],
  ['crown', every, (norm) => unfooled.crown({ norm }), networks()],
  ['crown, first-layer cut', every, (norm) => unfooled.crown({ norm, cuts: 'first layer' }), networks()],
  ['crown, cuts', every, (norm) => unfooled.crown({ norm, cuts: 2 }), networks()],
  ['alphaCrown', every, (norm) => unfooled.alphaCrown({ norm }), networks()],
  ['complete', every, (norm) => beyondCrown(unfooled.complete({ norm })), networks()],
]

/** Verification at a fixed radius, asked at radii that CROWN does not certify. */
function beyondCrown(complete) {
  const factors = [1.05, 1.2, 1.5, 2, 3]
  return {
    ...complete,
    async radii(context) {
      const { inputs, model } = context
      const { samples } = await unfooled.bound(model, unfooled.crown({ norm: complete.norm }), { inputs })
      const asked = Float64Array.from(samples, ({ radius }, sample) => factors[sample % factors.length] * radius)
      const budget = startBudget(secondsPerQuestion * 1000)
      const margins = await complete.margins({ ...context, budget }, asked)
      return asked.map((radius, sample) => {
        const own = margins.subarray(sample * model.classes, (sample + 1) * model.classes)
        return own.every((margin, index) => index === context.labels[sample] || margin > 0) ? radius : 0
      })
    },
  }
}

/**
 * Peck's published bounds are refuted and the sound ones are not, on random networks of a few weights. Of each sound bound
 * 10 000 certified radii, over its norms together, meet the built-in search and one of the attacks of this package, which
 * take turns. UNFOOLED_SEEDS and UNFOOLED_RUNS make it shorter or longer, UNFOOLED_BOUNDS names the bounds to try
 * (`errata` for the published), UNFOOLED_TEST_SEED draws other networks.
 */
export async function reproduceValidity() {
  const only = process.env.UNFOOLED_BOUNDS?.split(',')
  if (!only || only.includes('errata')) await refuteErrata()
  const chosen = sound.filter(([name]) => !only || only.some((part) => name.startsWith(part)))
  const rows = []
  for (const [name, norms, make, drawn] of chosen) {
    for (const norm of norms) {
      const row = [name, norm, ...(await confirm(make(norm), drawn, norm, Math.ceil(runs / norms.length)))]
      console.log(row.join(' '))
      rows.push(row)
    }
  }
  if (rows.length === 0) return
  console.log(`Sound bounds, seed ${firstSeed}: each certified radius was searched, and attacked in turn`)
  const heads = ['networks', 'radii', 'attacked', 'attacks', 'radii of the rarest attack', 'refuted']
  printTable(['bound', 'norm', ...heads], rows)
}

async function refuteErrata() {
  const rows = []
  for (const [erratum, settings] of Object.entries(errata)) {
    const found = []
    for (let seed = 1; seed <= seeds; seed++) {
      const property = validLowerBounds(unfooled.publishedPeck(), { networks: networks(settings), tolerance })
      const cpu = process.cpuUsage()
      const started = performance.now()
      const limits = { numRuns: 1e6, maxSkipsPerRun: 1e6, seed }
      const { failed, numRuns, counterexamplePath } = await fc.check(property, {
        ...limits,
        endOnFailure: true,
        interruptAfterTimeLimit: 1000 * (secondsPerErratum - secondsOfShrinking),
      })
      const { errorInstance } = failed
        ? await fc.check(property, {
            ...limits,
            path: counterexamplePath,
            interruptAfterTimeLimit: 1000 * secondsOfShrinking,
          })
        : {}
      const seconds = (performance.now() - started) / 1000
      const { user, system } = process.cpuUsage(cpu)
      const { network, radius, distance } = errorInstance?.counterexample ?? {}
      if (network) found.push({ seconds, cpu: (user + system) / 1e6, weights: weightCount(network) })
      console.log(`${erratum}, seed ${seed}: ${network ? `${distance} < ${radius}` : 'not refuted'}, run ${numRuns}`)
    }
    const most = (key) => Math.max(...found.map((each) => each[key]))
    rows.push([
      erratum,
      `${found.length}/${seeds}`,
      most('seconds').toFixed(0),
      most('cpu').toFixed(1),
      most('weights'),
    ])
  }
  console.log('Published bounds, refuted on random networks; the longest of all seeds, shrinking included')
  printTable(['erratum', 'refuted', 's', 'CPU s', 'weights ≠ 0'], rows)
}

async function confirm(bound, drawn, norm, wanted) {
  const attacks = attackList(unfooled).filter(({ norms }) => norms.includes(norm))
  // Radii that the attack did not refuse.
  const attacked = new Map(attacks.map(({ name }) => [name, 0]))
  const total = () => [...attacked.values()].reduce((sum, count) => sum + count, 0)
  // While a counterexample shrinks its seed stays the same, and with it the attack.
  const turns = new Map()
  let [networksTested, radiiTested, refuted] = [0, 0, 0]
  const property = validLowerBounds(bound, {
    networks: drawn,
    samplesPerNetwork,
    attacks({ model, radii, seed }) {
      networksTested++
      radiiTested += radii.length
      if (!turns.has(seed)) turns.set(seed, turns.size)
      const { name, make } = attacks[turns.get(seed) % attacks.length]
      // Its steps have one size for all samples.
      const epsilon = name === 'iterativePerturbation' ? Math.min(...radii) : radii
      const attack = make({ norm, epsilon, model, quick: true })
      const run = async (context) => {
        const candidates = await attack.run(context)
        attacked.set(name, attacked.get(name) + context.labels.length)
        return candidates
      }
      return [{ ...attack, run }]
    },
  })
  for (let seed = firstSeed; total() < wanted; seed++) {
    const numRuns = Math.ceil((wanted - total()) / samplesPerNetwork)
    const { errorInstance, counterexample } = await fc.check(property, { numRuns, seed, maxSkipsPerRun: 1e6 })
    if (!errorInstance) continue
    refuted++
    console.log(`REFUTED ${bound.name}, ${norm}: ${errorInstance.message} ${JSON.stringify(counterexample)}`)
  }
  return [networksTested, radiiTested, total(), attacks.length, Math.min(...attacked.values()), refuted]
}
