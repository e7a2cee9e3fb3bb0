import { checkCall, refuseUnknown } from '../arguments.js'
import { startBudget } from '../budget.js'
import { now } from '../clock.js'
import { NoGraphError, SettingsError, UnsupportedOperatorError } from '../errors.js'
import { diameter } from '../geometry/diameter.js'
import { checkInputs, checkLabels, checkShape } from '../model/check-inputs.js'
import type { Classifier } from '../model/classifier.js'
import { reasonForOpacity } from '../model/hosted-graph.js'
import { largestBatch, predictClasses } from '../model/predict-classes.js'
import { spreadOverSamples } from '../sampling/per-sample.js'
import { batches, range, takeSamples } from '../sampling/rows.js'
import type { Samples } from '../sampling/samples.js'
import { median } from '../statistics/median.js'
import type { Bound, BoundContext, BoundedSample, BoundRequest, BoundResult } from './bound.js'
import { checkDevice } from './check-device.js'
import { checkWhatIsAssumed } from './check-what-is-assumed.js'
import { RadiusSearch } from './radius-search.js'

/**
 * Certified radii of the samples that the model classifies correctly: no perturbation up to the radius changes the
 * class. Radii are searched to 1 % below the largest that the bound certifies; they are at most the diameter of the
 * domain, which then means that no input of the domain is classified otherwise.
 * @throws SampleError when inputs or labels do not fit the model, ModelError when the model gives NaN,
 * UnsupportedOperatorError when the bound has no rule for an operator of the model, NoGraphError when the model shows none,
 * EngineError when the bound is sound and onnxruntime less precise than float32.
 */
export async function bound(model: Classifier, method: Bound, request: BoundRequest): Promise<BoundResult> {
  const started = now()
  checkCall(
    "bound(model, crown({ norm: 'linf' }), { inputs, labels })",
    [model, 'classes'],
    [method, 'margins'],
    [request, 'inputs'],
  )
  const { inputs, onProgress } = checkedRequest('bound()', request)
  const budget = startBudget(request.budget)
  checkDevice(model)
  checkShape(inputs, model)
  const [count] = inputs.shape
  const given = request.labels === undefined ? undefined : checkLabels(request.labels, count, model)
  const predictions = await predictClasses(model, inputs)
  const labels = given ?? predictions
  const eligible = range(count).filter((sample) => predictions[sample] === labels[sample])
  if (method.sound) await checkWhatIsAssumed(model)
  const context: BoundContext = {
    model,
    inputs: takeSamples(inputs, eligible),
    labels: Int32Array.from(eligible, (sample) => labels[sample]),
    budget,
  }
  const progress = (fraction: number) => onProgress?.(Math.min(Math.max(fraction, 0), 1))
  const { radii, interrupted, undefinedFor } =
    eligible.length > 0
      ? await findRadii(method, context, progress).catch((error) => {
          throw orNoGraph(error, model, method)
        })
      : nothing
  const largest = diameter(model.domain, method.norm)
  const usable = Array.from(radii, (radius) => (radius > 0 ? Math.min(radius, largest) : 0))
  const radiusOf = new Map(eligible.map((sample, index) => [sample, usable[index]]))
  const samples = range(count).map(
    (sample): BoundedSample => ({
      eligible: radiusOf.has(sample),
      label: labels[sample],
      prediction: predictions[sample],
      radius: radiusOf.get(sample) ?? 0,
    }),
  )
  return {
    bound: { name: method.name, norm: method.norm, sound: method.sound, settings: method.settings },
    samples,
    eligible: eligible.length,
    cleanAccuracy: eligible.length / count,
    minimum: usable.reduce((least, radius) => Math.min(least, radius), usable[0] ?? Number.NaN),
    median: median(usable),
    interrupted,
    warnings: [
      ...(method.sound ? [] : [`${method.name} with these settings is an estimate, not a proof.`]),
      ...warningOfNaN(
        method,
        undefinedFor.map((index) => eligible[index]),
      ),
    ],
    milliseconds: now() - started,
  }
}

/**
 * Lower bounds of f_label − f_j over the ball of radius `epsilon` (input units, for all samples or one per sample)
 * around each input: [n, classes], 0 in the column of the label, −∞ where nothing is known or the budget was exhausted.
 * @throws SampleError, UnsupportedOperatorError, NoGraphError as {@link bound} does; SettingsError for a negative or infinite ε.
 */
export async function marginBounds(
  model: Classifier,
  method: Bound,
  request: BoundRequest & { readonly epsilon: number | ArrayLike<number> },
): Promise<Float64Array> {
  checkCall(
    "marginBounds(model, crown({ norm: 'linf' }), { inputs, labels, epsilon: 0.1 })",
    [model, 'classes'],
    [method, 'margins'],
    [request, 'epsilon'],
  )
  const { epsilon: given, ...samples } = request
  const { inputs } = checkedRequest('marginBounds()', samples)
  checkDevice(model)
  checkInputs(inputs, model)
  const [count] = inputs.shape
  const epsilon = spreadOverSamples(given, count, 'epsilon')
  checkRadii(epsilon)
  const labels = request.labels ? checkLabels(request.labels, count, model) : await predictClasses(model, inputs)
  if (count === 0) return new Float64Array(0)
  if (method.sound) await checkWhatIsAssumed(model)
  try {
    const margins = await method.margins({ model, inputs, labels, budget: startBudget(request.budget) }, epsilon)
    checkLength(method, 'margins', margins, count * model.classes)
    // Callers without types may give a list.
    return Float64Array.from(margins)
  } catch (error) {
    throw orNoGraph(error, model, method)
  }
}

/** Callers without types may misspell labels, say, which nobody would miss. */
function checkedRequest(owner: string, request: BoundRequest): BoundRequest {
  // Samples may have targets, which are for regressors, and may be part of a set, which makes no difference to bounds.
  const { inputs, labels, targets, partOf, budget, onProgress, ...others } = request as BoundRequest & Samples
  refuseUnknown(owner, others)
  return request
}

/** What a bound misses of a model that is no more than a function is its graph. */
function orNoGraph(error: unknown, { description, graph }: Classifier, { name }: Bound): unknown {
  const reason = reasonForOpacity(graph)
  if (reason === undefined || !(error instanceof UnsupportedOperatorError)) return error
  return new NoGraphError({ model: description.name, reason, method: name })
}

function checkRadii(values: Float64Array): void {
  for (const value of values) {
    if (!(Number.isFinite(value) && value >= 0)) {
      throw new SettingsError(`epsilon must be a finite number of at least 0; it is ${value}.`)
    }
  }
}

/** Where bounds of users leave margins out, there would be none to fall below zero. */
function checkLength({ name }: Bound, what: string, numbers: ArrayLike<number>, expected: number): void {
  if (numbers?.length === expected) return
  throw new SettingsError(`${name} returned ${numbers?.length ?? 'no'} ${what}; it must be ${expected} of them.`)
}

/** Nobody would miss the radii of samples for which a bound of the user's own goes wrong. */
function warningOfNaN({ name }: Bound, samples: readonly number[]): string[] {
  if (samples.length === 0) return []
  const others = samples.length > 1 ? ` and ${samples.length - 1} more` : ''
  return [`${name} returned NaN for sample ${samples[0]}${others}: that certifies nothing.`]
}

interface Radii {
  readonly radii: ArrayLike<number>
  readonly interrupted: boolean
  /** Samples for which the bound returned NaN. */
  readonly undefinedFor: readonly number[]
}

const nothing: Radii = { radii: [], interrupted: false, undefinedFor: [] }

async function findRadii(method: Bound, context: BoundContext, progress: (fraction: number) => void): Promise<Radii> {
  const { budget } = context
  if (method.radii) {
    const radii = await method.radii(context)
    checkLength(method, 'radii', radii, context.labels.length)
    const undefinedFor = range(radii.length).filter((sample) => Number.isNaN(radii[sample]))
    return { radii, interrupted: budget.exhausted, undefinedFor }
  }
  const searches = await startSearches(method, context)
  let open = range(searches.length)
  const failed = new Set<number>()
  const found = (interrupted: boolean): Radii => ({
    radii: searches.map(({ certified }) => certified),
    interrupted,
    undefinedFor: [...failed],
  })
  // Six evaluations are usual; the true number shows only at the end.
  for (let round = 1; open.length > 0; round++) {
    if (!(await budget.next())) return found(true)
    const epsilon = Float64Array.from(open, (sample) => searches[sample].next!)
    const least = await smallestMargins(method, context, open, epsilon)
    // Samples that the budget did not reach have no margins, which says nothing about them.
    if (budget.exhausted) {
      open.forEach((sample, index) => {
        if (least[index] > 0) searches[sample].tell(least[index])
      })
      return found(true)
    }
    open.forEach((sample, index) => {
      if (Number.isNaN(least[index])) failed.add(sample)
      searches[sample].tell(least[index])
    })
    open = open.filter((sample) => searches[sample].next !== undefined)
    progress(Math.max(1 - open.length / searches.length, Math.min(0.9, round / 7)))
  }
  return found(false)
}

/** The margins at the samples themselves, from the model's own logits, start the false position. */
async function startSearches(method: Bound, { model, inputs, labels }: BoundContext): Promise<RadiusSearch[]> {
  const largest = diameter(model.domain, method.norm)
  const searches: RadiusSearch[] = []
  for (const batch of batches(range(labels.length), largestBatch(model))) {
    const logits = await model.predict(takeSamples(inputs, batch))
    batch.forEach((sample, index) => {
      const row = logits.subarray(index * model.classes, (index + 1) * model.classes)
      const others = row.filter((_, other) => other !== labels[sample])
      searches.push(new RadiusSearch(largest, row[labels[sample]] - Math.max(...others)))
    })
  }
  return searches
}

async function smallestMargins(
  method: Bound,
  context: BoundContext,
  samples: readonly number[],
  epsilon: Float64Array,
): Promise<number[]> {
  const labels = Int32Array.from(samples, (sample) => context.labels[sample])
  const margins = await method.margins({ ...context, inputs: takeSamples(context.inputs, samples), labels }, epsilon)
  const { classes } = context.model
  checkLength(method, 'margins', margins, samples.length * classes)
  return samples.map((_, index) => {
    // Not subarray: callers without types may give a list. Math.min passes NaN on, which certifies nothing.
    const row = margins.slice(index * classes, (index + 1) * classes)
    return Math.min(...row.filter((_, other) => other !== labels[index]))
  })
}
