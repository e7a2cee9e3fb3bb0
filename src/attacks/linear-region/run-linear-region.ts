import { LinearRegions, type Question } from '../../regions/linear-regions.js'
import { batches, rowOf } from '../../sampling/rows.js'
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

// Of the samples that are explored side by side, together: the rows of the regions of large networks take much memory, and a
// budget or a reader of the progress would have to wait for all of them at once.
const mostEntries = 2 ** 13

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
      const originOf = (sample: number) => rowOf(inputs.data, model.domain.lower.length, sample)
      firstRows ??= await firstRowsOf(regions, originOf(samples[0]))
      rivals ??= targets ? [] : await likelyRivals(context, targetClasses, candidates.forwardQueries)
      const entries = await regions.answer(samples.map((sample) => ({ about: 'values', point: originOf(sample) })))
      const explored = samples.map((sample, index) => {
        const settings = {
          regions,
          firstRows,
          norm,
          sample: { origin: originOf(sample), entries: entries[index], ...roomAround(context, sample) },
          label: labels[sample],
          classes: targets ? [targets[sample]] : rivals!.map((ofRank) => ofRank[sample]),
          target: targets?.[sample],
          random: random[sample],
        }
        return { sample, visits: new Visits(settings, displacementOf(state, sample)) }
      })
      let [done, finished] = [0, true]
      for (const group of batches(explored, Math.max(1, Math.floor(mostEntries / regions.entries)))) {
        const searches = group.map(({ visits }) =>
          'kicks' in exploration ? descend(visits, exploration.kicks) : exploreAsPublished(visits, exploration),
        )
        const results = await runTogether(searches, async (questions, askers) => {
          if (!(await context.budget.next())) return undefined
          report((done + group.length - askers.length) / samples.length)
          const answers = await regions.answer(questions.flat())
          let first = 0
          return questions.map((own, index) => {
            first += own.length
            const part = answers.slice(first - own.length, first)
            countAnswers(candidates, group[askers[index]].sample, own, part)
            return part
          })
        })
        done += group.length
        finished &&= !results.includes(undefined)
        if (!finished) break
      }
      for (const { sample, visits } of explored) candidates.steps[sample] += visits.count
      return { displacements: explored.map(({ visits }) => visits.best), finished }
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
