import { clipToDomain } from '../../geometry/projection.js'
import { floatTensor } from '../../graph/builder.js'
import { predictClasses } from '../../model/predict-classes.js'
import { classMarginGraph } from '../../passes/class-margin-graph.js'
import { range, rowOf, takeSamples } from '../../sampling/rows.js'
import { runTogether } from '../../solvers/run-together.js'
import type { Attack, AttackCandidates, AttackContext } from '../attack.js'
import { checkGradients } from '../iteration/check-gradients.js'
import type { LinearisedMargin } from '../iteration/linearised-margin.js'
import { displacementOf, type ImprovementState, improveStarts, roomAround } from './improve-starts.js'
import { projectionSearch } from './projection-search.js'

export interface BoundaryProjectionRun {
  readonly norm: 'linf' | 'l2'
  readonly starts: readonly Attack[]
  readonly steps: number
}

/** Runs the starts and improves on the closest adversarial example that they find for each sample. */
export function runBoundaryProjection(context: AttackContext, run: BoundaryProjectionRun): Promise<AttackCandidates> {
  const { norm, starts, steps } = run
  return improveStarts(context, {
    norm,
    starts,
    async improve(state, samples, report) {
      const fooled = samples.filter((sample) => state.lengths[sample] < Number.POSITIVE_INFINITY)
      const incumbents = fooled.map((sample) => ({
        displacement: displacementOf(state, sample)!,
        length: state.lengths[sample],
      }))
      const searches = fooled.map((sample, row) =>
        projectionSearch(incumbents[row], { norm, steps, room: roomAround(context, sample) }),
      )
      const linearise = await margins(state, fooled)
      let rounds = 0
      const results = await runTogether(searches, async (displacements, askers) => {
        if (!(await context.budget.next())) return undefined
        report(rounds++ / steps)
        return linearise(displacements, askers)
      })
      const found = new Map(fooled.map((sample, row) => [sample, incumbents[row].displacement]))
      return { displacements: samples.map((sample) => found.get(sample)), finished: !results.includes(undefined) }
    },
  })
}

/** Linearises the margins of some of the samples, against the class that their candidates are of, at displaced points. */
async function margins({ context, candidates }: ImprovementState, samples: readonly number[]) {
  const { model, inputs, labels, targets } = context
  const size = model.domain.lower.length
  const graph = await model.compile('class margin', () => classMarginGraph(model.graph))
  const wanted = await predictClasses(model, takeSamples({ ...inputs, data: candidates.adversarial }, samples))
  for (const sample of samples) candidates.forwardQueries[sample]++
  return async (displacements: readonly Float64Array[], rows: readonly number[]): Promise<LinearisedMargin[]> => {
    const points = takeSamples(
      inputs,
      rows.map((row) => samples[row]),
    )
    displacements.forEach((displacement, index) => {
      const point = rowOf(points.data, size, index)
      displacement.forEach((step, feature) => {
        point[feature] += step
      })
      clipToDomain(point, model.domain)
    })
    const classes = range(model.classes)
    const sets = (isMember: (label: number, row: number) => boolean) => ({
      type: 'bool' as const,
      shape: [rows.length, model.classes],
      data: Uint8Array.from(rows.flatMap((row) => classes.map((label) => Number(isMember(label, row))))),
    })
    const results = await graph.run({
      [model.graph.inputs[0].name]: floatTensor(points.data, points.shape),
      wanted: sets((label, row) => label === wanted[row]),
      unwanted: sets((label, row) => (targets ? label !== wanted[row] : label === labels[samples[row]])),
    })
    const gradients = results.gradient.data as Float32Array
    checkGradients(gradients)
    return rows.map((row, index) => {
      const gradient = rowOf(gradients, size, index)
      const sample = samples[row]
      candidates.steps[sample]++
      candidates.gradientQueries[sample]++
      if (gradient.some((derivative) => derivative !== 0)) candidates.vanishedGradients[sample] = 0
      return { margin: Number(results.margin.data[index]), gradient: gradient.slice() }
    })
  }
}
