import { refuseUnknown, settingsOf } from '../arguments.js'
import { UnsupportedOperatorError } from '../errors.js'
import { diameter } from '../geometry/diameter.js'
import type { Norm } from '../geometry/norm.js'
import { GraphBuilder } from '../graph/builder.js'
import { nodeLabel, type TypedGraph } from '../graph/graph.js'
import { findOperator } from '../operators/registry.js'
import { ruleContext } from '../passes/context.js'
import type { Bound, BoundContext } from './bound.js'
import { checkChoice } from './check-settings.js'
import { crown } from './crown.js'
import { dualNorms } from './dual-norms.js'
import { marginRows } from './rows.js'

export interface LinearExactSettings {
  readonly norm: Norm
}

// Rounding takes a little from the exact radius; how much depends on the model.
const shares = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1].map((loss) => 1 - loss)

/**
 * The distance to the nearest decision boundary of a linear classifier: (f_label − f_j) over the dual norm of the
 * difference of their weights, smallest over the classes j. Exact in the whole space, less the rounding errors of the
 * model; the domain does not cut anything off.
 * @throws SettingsError for settings that do not exist; when it runs, UnsupportedOperatorError for a model that is not linear.
 */
export function linearExact(settings: LinearExactSettings): Bound {
  const { norm, ...others } = settingsOf('linearExact', settings, "{ norm: 'linf' }")
  refuseUnknown('linearExact', others)
  checkChoice('linearExact', 'norm', norm, ['linf', 'l2', 'l1'])
  // A linear model needs no relaxation: what crown computes is exact.
  const margins: Bound['margins'] = async (context, epsilon) => {
    refuseNonlinear(context.model.graph)
    return crown({ norm, domain: 'ignore' }).margins(context, epsilon)
  }
  return {
    name: 'linearExact',
    norm,
    sound: true,
    settings: { norm },
    margins,
    async radii(context) {
      const exact = await boundaryDistances(norm, context, margins)
      const radii = new Float64Array(exact.length)
      for (const share of shares) {
        const reduced = exact.map((distance, sample) => (radii[sample] > 0 ? radii[sample] : distance * share))
        const least = smallest(await margins(context, reduced), context)
        least.forEach((margin, sample) => {
          if (margin > 0) radii[sample] = reduced[sample]
        })
        if (radii.every((radius) => radius > 0)) break
      }
      return radii
    },
  }
}

/** From the margins at the samples themselves; 0 where those are not positive. */
async function boundaryDistances(norm: Norm, context: BoundContext, margins: Bound['margins']): Promise<Float64Array> {
  const { model, labels } = context
  const { classes, graph } = model
  const atCentre = await margins(context, new Float64Array(labels.length))
  const rows = marginRows(labels, classes)
  const norms = await dualNorms(model, graph.outputs[0].name, rows, norm, 'float32')
  // Logits that do not depend on the input stay as they are in the whole domain.
  const distances = new Float64Array(labels.length).fill(diameter(model.domain, norm))
  norms.forEach((dual, row) => {
    const sample = rows.sample[row]
    const margin = atCentre[sample * classes + rows.minus[row]]
    distances[sample] = Math.min(distances[sample], margin > 0 ? margin / dual : 0)
  })
  return distances
}

function smallest(margins: Float64Array, { labels, model: { classes } }: BoundContext): number[] {
  return Array.from(labels, (label, sample) =>
    Math.min(...margins.subarray(sample * classes, (sample + 1) * classes).filter((_, other) => other !== label)),
  )
}

function refuseNonlinear(graph: TypedGraph): void {
  const context = ruleContext(graph, new GraphBuilder(graph.opset))
  for (const node of graph.nodes) {
    if (!node.outputs.some((output) => context.isActivation(output))) continue
    if (findOperator(node)?.linear?.(node, context)) continue
    throw new UnsupportedOperatorError({
      operator: node.operator,
      node: nodeLabel(node),
      analysis: 'linear bound',
      reason: 'the model is not linear there',
      remedy: 'Use crown({ norm }).',
    })
  }
}
