import { checkCall, refuseUnknown, settingsOf } from '../arguments.js'
import { checkDevice } from '../bounds/check-device.js'
import { checkWhatIsAssumed } from '../bounds/check-what-is-assumed.js'
import { type BudgetRequest, startBudget } from '../budget.js'
import { now } from '../clock.js'
import { NoGraphError } from '../errors.js'
import { roundToward } from '../geometry/float32.js'
import { elementCount } from '../graph/graph.js'
import { reasonForOpacity } from '../model/hosted-graph.js'
import type { Model } from '../model/model.js'
import { largestBatch } from '../model/predict-classes.js'
import { freshSeed, randomSource } from '../sampling/random.js'
import { range } from '../sampling/rows.js'
import type { LinearConstraint, Property, UnsafeCase } from '../vnnlib/property.js'
import { PropertyError } from '../vnnlib/property-error.js'
import type { Box } from './boxes.js'
import { branchAndBound } from './branch-and-bound.js'
import { ConstrainedModel } from './constrained-model.js'
import { descend } from './descent.js'
import { Inquiry } from './inquiry.js'
import type { Confirm, Question, Row } from './question.js'

/** How long and where to look for counterexamples. */
export interface VerificationRequest {
  /** Of the random starts of the search for counterexamples. Default: a fresh one. */
  readonly seed?: number
  /** Default: no limit. */
  readonly budget?: BudgetRequest
}

/** What is known of a property. It is proved when all cases are excluded, and violated when there is a counterexample. */
export interface VerificationResult {
  /** Cases of the property that inputs can meet at all. */
  readonly cases: number
  /** Cases that no input of the model meets: a proof about the model as it runs in float32. */
  readonly excluded: number
  /** An input and the model's output for it that meet all constraints of a case, the numbers taken as they are. */
  readonly counterexample?: {
    readonly input: Float32Array
    readonly output: Float32Array
    /** Position of the case. */
    readonly met: number
  }
  /** Boxes of inputs that were bounded. */
  readonly boxes: number
  /** The budget ended the search: more cases might be excluded, or met. */
  readonly interrupted: boolean
  readonly seed: number
  readonly milliseconds: number
}

/**
 * Checks a property for all float32 inputs in its boxes. Inputs that it does not bound range over the model's domain.
 * @throws PropertyError when it is about another model, or about inputs outside the domain; UnsupportedOperatorError for
 * operators that have no relaxation, NoGraphError for a model that shows none, EngineError when onnxruntime is less precise
 * than float32.
 */
export async function verifyProperty(
  model: Model,
  property: Property,
  request: VerificationRequest = {},
): Promise<VerificationResult> {
  const call = "verifyProperty(model, await loadProperty('property.vnnlib'))"
  checkCall(call, [model, 'predict'], [property, 'cases'])
  const {
    seed = freshSeed(),
    budget: time,
    ...others
  } = settingsOf('verifyProperty', request, 'model, property, { budget: 10_000 }')
  refuseUnknown('verifyProperty()', others)
  const started = now()
  const budget = startBudget(time)
  checkDevice(model)
  await checkWhatIsAssumed(model)
  const reason = reasonForOpacity(model.graph)
  if (reason !== undefined) throw new NoGraphError({ model: model.description.name, reason, method: 'Verification' })
  checkSizes(model, property)
  const { constraints, questions, origins } = askAbout(property, model)
  const constrained = await ConstrainedModel.of(model, constraints)
  try {
    const inquiry = new Inquiry(constrained, questions, confirmBy(model, constraints, questions))
    const random = randomSource(seed)
    const boxes = await branchAndBound(inquiry, (parts) => descend(inquiry, parts, random, budget), budget)
    const { answers } = inquiry
    const refuted = answers.findIndex(({ counterexample }) => counterexample)
    const input = answers[refuted]?.counterexample?.input
    return {
      cases: property.cases.length,
      excluded: property.cases.length - answers.reduce((count, { open }) => count + open.size, 0),
      ...(input && {
        counterexample: {
          input,
          output: await model.predict({ data: input, shape: [1, ...model.featureShape] }),
          met: origins[refuted][answers[refuted].counterexample!.position],
        },
      }),
      boxes,
      interrupted: budget.exhausted,
      seed,
      milliseconds: now() - started,
    }
  } finally {
    await constrained.close()
  }
}

function checkSizes(model: Model, { name, inputs, outputs }: Property): void {
  const { output } = model.description
  if (model.graph.outputs[0].name !== `model/${output.name}`) {
    throw new PropertyError(
      undefined,
      `${name} is about the outputs of the file, and loadModel() saw through the last operator of ${model.description.name}. Load it with loadRegressor() or, of TensorFlow.js, loadTfjsRegressor(), which take it as it is.`,
    )
  }
  const sizes = [elementCount(model.featureShape), 'classes' in output ? output.classes : elementCount(output.shape)]
  if (inputs === sizes[0] && outputs === sizes[1]) return
  throw new PropertyError(
    undefined,
    `${name} is about ${inputs} inputs and ${outputs} outputs; ${model.description.name} has ${sizes[0]} and ${sizes[1]}.`,
  )
}

/** What stands for no constraint: any input of the box will do. */
const alwaysMet: LinearConstraint = { inputs: new Map(), outputs: new Map(), bound: 0 }

/** One question for all cases with the same box, as they have the bounds of all layers in common. */
function askAbout({ cases, name }: Property, model: Model) {
  const constraints: LinearConstraint[] = []
  const numbers = new Map<string, number>()
  const rowOf = (constraint: LinearConstraint): Row => {
    const key = JSON.stringify([[...constraint.inputs], [...constraint.outputs], constraint.bound])
    const number = numbers.get(key) ?? constraints.push(constraint) - 1
    numbers.set(key, number)
    return { plus: number, minus: -1 }
  }
  const groups = new Map<string, { box: Box; cases: Row[][]; origins: number[] }>()
  cases.forEach((unsafe, index) => {
    const box = boxOf(unsafe, model, name)
    const key = `${box.lower.join()} ${box.upper.join()}`
    const group = groups.get(key) ?? { box, cases: [], origins: [] }
    groups.set(key, group)
    const { constraints: all } = unsafe
    group.cases.push((all.length > 0 ? all : [alwaysMet]).map(rowOf))
    group.origins.push(index)
  })
  const found = [...groups.values()]
  return {
    constraints,
    questions: found.map((group): Question => ({ ...group.box, cases: group.cases })),
    origins: found.map((group) => group.origins),
  }
}

/** The float32 numbers within the bounds of a case. */
function boxOf({ lower, upper }: UnsafeCase, { domain }: Model, name: string): Box {
  const box = { lower: domain.lower.slice(), upper: domain.upper.slice() }
  lower.forEach((low, feature) => {
    const high = upper[feature]
    const inside = [roundToward(low, Number.POSITIVE_INFINITY), roundToward(high, Number.NEGATIVE_INFINITY)]
    // Between two neighbouring float32 numbers; the model gets one of them.
    const [first, last] = inside[0] <= inside[1] ? inside : inside.toReversed()
    if (low > Number.NEGATIVE_INFINITY) box.lower[feature] = first
    if (high < Number.POSITIVE_INFINITY) box.upper[feature] = last
    if (box.lower[feature] >= domain.lower[feature] && box.upper[feature] <= domain.upper[feature]) return
    throw new PropertyError(
      undefined,
      `${name} is about X_${feature} from ${low} to ${high}, beyond the model's domain [${domain.lower[feature]}, ${domain.upper[feature]}]. Load the model with a domain that contains what the property is about.`,
    )
  })
  return box
}

function confirmBy(model: Model, constraints: readonly LinearConstraint[], questions: readonly Question[]): Confirm {
  const size = elementCount(model.featureShape)
  const most = largestBatch(model)
  return async ({ data, shape: [count] }, asked) => {
    const met: (number | undefined)[] = []
    for (let start = 0; start < count; start += most) {
      const end = Math.min(start + most, count)
      const points = data.subarray(start * size, end * size)
      const outputs = await model.predict({ data: points, shape: [end - start, ...model.featureShape] })
      const width = outputs.length / (end - start)
      for (const index of range(end - start)) {
        const input = points.subarray(index * size, (index + 1) * size)
        const output = outputs.subarray(index * width, (index + 1) * width)
        const isMet = ({ plus }: Row) => holds(constraints[plus], input, output)
        const position = questions[asked[start + index]].cases.findIndex((rows) => rows.every(isMet))
        met.push(position < 0 ? undefined : position)
      }
    }
    return met
  }
}

function holds({ inputs, outputs, bound }: LinearConstraint, input: Float32Array, output: Float32Array): boolean {
  let total = 0
  for (const [position, coefficient] of inputs) total += coefficient * input[position]
  for (const [position, coefficient] of outputs) total += coefficient * output[position]
  return total <= bound
}
