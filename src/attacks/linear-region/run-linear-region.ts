import { LinearRegions, type Question } from '../../regions/linear-regions.js'
import { rowOf } from '../../sampling/rows.js'
import { runTogether } from '../../solvers/run-together.js'
import type { Attack, AttackCandidates, AttackContext } from '../attack.js'
import { likelyRivals } from '../iteration/likely-rivals.js'
import { displacementOf, improveStarts, roomAround } from '../minimal-distance/improve-starts.js'
import { descend } from './descent.js'
import { type FirstRows, firstRowsOf } from './first-rows.js'
import { exploreAsPublished, type PaperParameters } from './paper-exploration.js'
import { Visits } from './visits.js'

export interface LinearRegionRun {
  readonly norm: 'linf' | 'l2' | 'l1'
  readonly starts: readonly Attack[]
  readonly targetClasses: number
  readonly exploration: { readonly kicks: number } | PaperParameters
}

/** Runs the starts and explores the linear regions around the closest adversarial example of each sample. */
export async function runLinearRegion(context: AttackContext, run: LinearRegionRun): Promise<AttackCandidates> {
  const { norm, starts, targetClasses, exploration } = run
  const { model, inputs, labels, targets, random } = context
  const regions = new LinearRegions(model)
  let firstRows: FirstRows | undefined
  let rivals: readonly Int32Array[] | undefined
  return improveStarts(context, {
    norm,
    starts,
    async improve(state, samples, report) {
      const { candidates } = state
      const origins = samples.map((sample) => rowOf(inputs.data, model.domain.lower.length, sample))
      firstRows ??= await firstRowsOf(regions, origins[0])
      rivals ??= targets ? [] : await likelyRivals(context, targetClasses, candidates.forwardQueries)
      const entries = await regions.answer(origins.map((point) => ({ about: 'values', point })))
      const explored = samples.map((sample, index) => {
        const label = labels[sample]
        const classes = targets ? [targets[sample]] : rivals!.map((ofRank) => ofRank[sample])
        const settings = {
          regions,
          firstRows,
          norm,
          sample: { origin: origins[index], entries: entries[index], ...roomAround(context, sample) },
          label,
          classes,
          target: targets?.[sample],
          random: random[sample],
        }
        return new Visits(settings, displacementOf(state, sample))
      })
      const searches = explored.map((visits) =>
        'kicks' in exploration ? descend(visits, exploration.kicks) : exploreAsPublished(visits, exploration),
      )
      let open = samples.length
      const results = await runTogether(searches, async (questions, askers) => {
        if (!(await context.budget.next())) return undefined
        open = Math.min(open, askers.length)
        report(1 - open / samples.length)
        const answers = await regions.answer(questions.flat())
        let first = 0
        return questions.map((own, index) => {
          first += own.length
          const part = answers.slice(first - own.length, first)
          countAnswers(candidates, samples[askers[index]], own, part)
          return part
        })
      })
      explored.forEach(({ count }, index) => {
        candidates.steps[samples[index]] += count
      })
      return {
        displacements: explored.map(({ best }) => best),
        finished: !results.includes(undefined),
      }
    },
  })
}

function countAnswers(
  candidates: { gradientQueries: Int32Array; forwardQueries: Int32Array; vanishedGradients: Uint8Array },
  sample: number,
  questions: readonly Question[],
  answers: readonly Float32Array[],
): void {
  questions.forEach((question, index) => {
    if (question.about !== 'rows') {
      candidates.forwardQueries[sample]++
      return
    }
    candidates.gradientQueries[sample] += question.faces.length
    if (answers[index].some((derivative) => derivative !== 0)) candidates.vanishedGradients[sample] = 0
  })
}
