import { checkCall, refuseUnknown } from '../../arguments.js'
import { startBudget } from '../../budget.js'
import { now } from '../../clock.js'
import { ModelError, SampleError } from '../../errors.js'
import { allFinite } from '../../geometry/float32.js'
import { distance } from '../../geometry/norm.js'
import { projectOntoBall } from '../../geometry/projection.js'
import { elementCount } from '../../graph/graph.js'
import { CheckedInputs, checkShape } from '../../model/check-inputs.js'
import { predictOutputs } from '../../model/predict-outputs.js'
import type { Regressor } from '../../model/regressor.js'
import { spreadOverSamples } from '../../sampling/per-sample.js'
import { freshSeed, randomSources } from '../../sampling/random.js'
import { rowOf } from '../../sampling/rows.js'
import { type Inputs, positionsOf, type Samples } from '../../sampling/samples.js'
import { median } from '../../statistics/median.js'
import { meanSquaredError, outputErrors, peakSignalToNoise } from './output-error.js'
import type {
  AttackedRegressionSample,
  OutputLoss,
  RegressionAttack,
  RegressionAttackContext,
  RegressionAttackRequest,
  RegressionAttackResult,
  RegressionCandidates,
} from './regression-attack.js'
import { regressionWarnings } from './regression-warnings.js'

/**
 * Attacks every sample and measures how far the outputs are moved. Errors count only as a fresh run of the model gives
 * them, at exactly the returned input, inside the domain and the ball.
 * @throws SampleError when inputs or targets do not fit the model, SettingsError when the attack's settings do not,
 * ModelError when the model gives outputs or gradients that are not finite.
 */
export async function attackRegressor(
  model: Regressor,
  method: RegressionAttack,
  request: RegressionAttackRequest,
): Promise<RegressionAttackResult> {
  const started = now()
  checkCall(
    'attackRegressor(model, linear({ epsilon: 0.1 }), { inputs })',
    [model, 'outputShape'],
    [method, ({ kind }) => kind === 'regression'],
    [request, 'inputs'],
  )
  const { inputs, loss, seed = freshSeed(), onProgress } = checkedRequest(request)
  const budget = startBudget(request.budget)
  checkShape(inputs, model)
  const [count] = inputs.shape
  const positions = positionsOf(request)
  const given = request.targets === undefined ? undefined : checkTargets(request.targets, model, count)
  const epsilons = spreadOverSamples(method.epsilon, count, 'epsilon')
  const outputs = await predictOutputs(model, inputs)
  const context: RegressionAttackContext = {
    model,
    inputs,
    epsilons,
    targets: given ?? outputs,
    loss: loss && ofSet(loss, positions),
    random: randomSources(seed, positions),
    budget,
    progress: (fraction) => onProgress?.(Math.min(Math.max(fraction, 0), 1)),
  }
  const candidates = count === 0 ? nothing : await method.run(copyOf(context))
  const adversarial = moveInside(method, context, candidates)
  const clean = outputErrors(context, outputs)
  const attacked = outputErrors(context, await predictOutputs(model, adversarial))
  if (!candidates.interrupted) context.progress(1)

  const size = model.domain.lower.length
  const peak = domainWidth(model)
  const samples = attacked.map((error, sample): AttackedRegressionSample => {
    const [origin, point] = [inputs, adversarial].map(({ data }) => rowOf(data, size, sample))
    return {
      clean: clean[sample],
      attacked: error,
      inputPsnr: peakSignalToNoise(meanSquaredError(origin, point), peak),
      distance: distance(origin, point, method.norm),
      adversarial: point.slice(),
      gradientQueries: candidates.gradientQueries[sample],
      forwardQueries: candidates.forwardQueries[sample],
    }
  })
  const sum = (measure: (sample: AttackedRegressionSample) => number) =>
    samples.reduce((total, sample) => total + measure(sample), 0)
  return {
    attack: { name: method.name, kind: method.kind, norm: method.norm, settings: method.settings },
    samples,
    medianCleanPsnr: median(samples.map((sample) => sample.clean.psnr)),
    medianOutputPsnr: median(samples.map((sample) => sample.attacked.psnr)),
    medianInputPsnr: median(samples.map((sample) => sample.inputPsnr)),
    gradientQueries: sum((sample) => sample.gradientQueries),
    forwardQueries: sum((sample) => sample.forwardQueries),
    interrupted: candidates.interrupted,
    warnings: [
      ...model.description.warnings,
      ...regressionWarnings({ samples, targets: given, interrupted: candidates.interrupted }),
    ],
    seed,
    milliseconds: now() - started,
  }
}

/** Callers without types may misspell targets, say, which nobody would miss. */
function checkedRequest(request: RegressionAttackRequest): RegressionAttackRequest {
  // Samples may have labels, which are for classifiers.
  const { inputs, labels, targets, partOf, loss, seed, budget, onProgress, ...others } =
    request as RegressionAttackRequest & Samples
  refuseUnknown('attackRegressor()', others)
  return request
}

/** What an attack may write to without moving the samples, the ball, or what outputs are compared with. */
function copyOf(context: RegressionAttackContext): RegressionAttackContext {
  const { data, shape } = context.inputs
  return {
    ...context,
    inputs: { data: data.slice(), shape },
    epsilons: context.epsilons.slice(),
    targets: context.targets.slice(),
  }
}

/** A loss of the samples at hand from one of the samples of a set. */
function ofSet(loss: OutputLoss, positions: readonly number[]): OutputLoss {
  return {
    name: loss.name,
    value: (output, sample) => loss.value(output, positions[sample]),
    gradient: (output, sample) => loss.gradient(output, positions[sample]),
  }
}

const nothing: RegressionCandidates = {
  adversarial: new Float32Array(0),
  gradientQueries: new Int32Array(0),
  forwardQueries: new Int32Array(0),
  interrupted: false,
}

/** Moves the candidates into domain and ball, where rounding left them a hair outside. */
function moveInside(
  method: RegressionAttack,
  { model, inputs, epsilons }: RegressionAttackContext,
  candidates: RegressionCandidates,
): Inputs {
  const size = model.domain.lower.length
  const adversarial = new Float32Array(candidates.adversarial)
  epsilons.forEach((radius, sample) => {
    const point = rowOf(adversarial, size, sample)
    if (!allFinite(point)) {
      throw new ModelError(
        `${method.name} ended at an input that is not finite: the model's derivatives are NaN or infinite there, so it cannot be attacked this way. An attack without derivatives, such as randomLp, still works.`,
      )
    }
    projectOntoBall(point, { norm: method.norm, center: rowOf(inputs.data, size, sample), radius }, model.domain)
  })
  return new CheckedInputs({ data: adversarial, shape: inputs.shape }, model.domain)
}

function checkTargets({ data, shape }: Inputs, { outputShape }: Regressor, count: number): Float32Array {
  const expected = [count, ...outputShape]
  if (!ArrayBuffer.isView(data) || String(shape) !== String(expected) || data.length !== elementCount(expected)) {
    throw new SampleError(
      `Targets must be { data: Float32Array, shape: [${expected.join(', ')}] }, like the model's outputs; their shape is [${shape}].`,
    )
  }
  const wrong = data.findIndex((value) => !Number.isFinite(value))
  if (wrong < 0) return data
  throw new SampleError(`Targets have ${data[wrong]} at position ${wrong}; they must be finite.`)
}

function domainWidth({ domain: { lower, upper } }: Regressor): number {
  const least = lower.reduce((low, bound) => Math.min(low, bound), Number.POSITIVE_INFINITY)
  return upper.reduce((high, bound) => Math.max(high, bound), Number.NEGATIVE_INFINITY) - least
}
