import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { bound } from '../../dist/esm/src/index.js'
import { boundCases, firstSamples, loadCase, methodsFor, referenceOf } from './bound-cases.mjs'

const script = fileURLToPath(new URL('./bound-times.mjs', import.meta.url))
/** How a process happens to lie in memory makes 5 % of the time of a small model. */
const processes = 5

/**
 * CROWN, without cuts and with two kinds of them, against auto_LiRPA's CROWN, of which times (in forward runs) and radii are
 * stored. CPU time, as that does not depend so much on what else the machine does; on one thread, as the reference; the median of
 * several processes.
 */
export async function benchBoundGoals() {
  if (boundCases.length === 0) return
  console.log(
    "Against auto_LiRPA's CROWN (cost of margins in forward runs, of 5 processes; mean radius; evaluations per radius to 1 %)",
  )
  for (const [index, bounded] of boundCases.entries()) {
    const { name, norm, epsilon, radius, radii, goal } = bounded
    const reference = referenceOf(bounded)
    const clip01 = norm === 'linf'
    const run = reference.runs.find((run) => {
      return run.method === 'CROWN' && run.norm === norm && run.eps === epsilon && run.clip01 === clip01
    })
    const costs = Array.from({ length: processes }, () => costsIn(index))
    const model = await loadCase(bounded)
    console.log(`  ${name} ${norm} ${epsilon}`)
    for (const [title, method] of Object.entries(methodsFor(bounded))) {
      const sorted = costs.map((cost) => cost[title]).toSorted((one, other) => one - other)
      const [least, median, most] = [0, Math.floor(processes / 2), processes - 1].map((place) => sorted[place])
      const part = (forwards) => (forwards / run.cpu_over_forward_cpu).toFixed(2)
      console.log(
        `    ${title}: ${median.toFixed(0)} forwards, ${part(median)} × (${part(least)} to ${part(most)}; goal 0.3)`,
      )
      if (!radius) continue
      let evaluations = 0
      const counted = {
        ...method,
        margins(context, epsilons) {
          evaluations += epsilons.length
          return method.margins(context, epsilons)
        },
      }
      const found = await bound(model, counted, firstSamples(model, bounded, radii))
      const mean = found.samples.reduce((sum, sample) => sum + sample.radius, 0) / radii
      const perRadius = (evaluations / found.eligible).toFixed(1)
      const ratio = (mean / reference.radius[radius].mean_radius).toFixed(2)
      console.log(`      radius ${ratio} × (goal ${goal}), ${perRadius} evaluations (goal 6)`)
    }
    await model.close()
  }
  console.log()
}

/** The cost of each method in a process of its own, in forward runs. */
function costsIn(index) {
  const env = { ...process.env, UNFOOLED_TEST_WORKERS: String(availableParallelism()) }
  return JSON.parse(execFileSync(process.execPath, [script, String(index)], { env, encoding: 'utf8' }))
}
