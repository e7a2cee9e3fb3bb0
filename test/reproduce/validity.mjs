import * as fc from 'fast-check'
import * as unfooled from '../../dist/esm/src/index.js'
import { networks, validLowerBounds } from '../../dist/esm/src/properties/index.js'
import { attackList } from '../attack-list.mjs'
import { errata, tolerance, weightCount } from '../errata.mjs'
import { printTable } from './table.mjs'

const seeds = Number(process.env.UNFOOLED_SEEDS ?? 20)
const runs = Number(process.env.UNFOOLED_RUNS ?? 10_000)
const secondsPerBound = Number(process.env.UNFOOLED_SECONDS ?? 3600)
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
  ['alphaCrown', every, (norm) => unfooled.alphaCrown({ norm }), networks()],
]

/**
 * Peck's published bounds are refuted and the sound ones are not, on random networks of a few weights. Of 10 000 networks
 * per bound each gets up to eight inputs, the built-in search and one of the attacks of this package, which take turns.
 * It takes hours: UNFOOLED_SEEDS, UNFOOLED_RUNS and UNFOOLED_SECONDS (per bound and norm) make it shorter, and
 * UNFOOLED_BOUNDS names the ones to try (`errata` for the published).
 */
export async function reproduceValidity() {
  const only = process.env.UNFOOLED_BOUNDS?.split(',')
  if (!only || only.includes('errata')) await refuteErrata()
  const chosen = sound.filter(([name]) => !only || only.some((part) => name.startsWith(part)))
  for (const [name, norms, make, drawn] of chosen) {
    for (const norm of norms) await confirm(`${name}, ${norm}`, make(norm), drawn, norm)
  }
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

async function confirm(title, bound, drawn, norm) {
  const attacks = attackList(unfooled).filter(({ norms }) => norms.includes(norm))
  let [radiiTested, networksTested] = [0, 0]
  const property = validLowerBounds(bound, {
    networks: drawn,
    attacks({ model, radii, seed }) {
      networksTested++
      radiiTested += radii.length
      const { name, make } = attacks[seed % attacks.length]
      // Its steps have one size for all samples.
      const epsilon = name === 'iterativePerturbation' ? Math.min(...radii) : radii
      return [make({ norm, epsilon, model, quick: true })]
    },
  })
  const { errorInstance, counterexample } = await fc.check(property, {
    numRuns: runs,
    seed: 1,
    maxSkipsPerRun: 1e6,
    interruptAfterTimeLimit: 1000 * secondsPerBound,
  })
  const outcome = errorInstance ? `REFUTED ${errorInstance.message} ${JSON.stringify(counterexample)}` : 'no violation'
  console.log(`${title}: ${networksTested} networks, ${radiiTested} radii, ${attacks.length} attacks: ${outcome}`)
}
