/** Base class of every error that this package throws on purpose. `code` is stable; messages may change. */
export class UnfooledError extends Error {
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.name = new.target.name
  }
}

/** The model file is missing, damaged, or not something this package can test. */
export class ModelError extends UnfooledError {
  constructor(message: string, options?: ErrorOptions) {
    super('MODEL', message, options)
  }
}

/** An analysis met an operator that it has no rule for. */
export class UnsupportedOperatorError extends UnfooledError {
  readonly operator: string
  readonly node: string
  readonly analysis: string
  /** What still works. */
  readonly remedy: string

  constructor(details: { operator: string; node: string; analysis: string; reason?: string; remedy: string }) {
    const { operator, node, analysis, reason, remedy } = details
    super(
      'UNSUPPORTED_OPERATOR',
      `No ${analysis} rule for operator ${operator} (node ${node})${reason ? `: ${reason}` : ''}. ${remedy}`,
    )
    this.operator = operator
    this.node = node
    this.analysis = analysis
    this.remedy = remedy
  }
}

/** What to do without gradients. */
export const withoutGradients =
  'Attacks that need none: randomNoise, square, rayS, hopSkipJump, and transfer from another model; on regressors randomLp and randomPixel.'

/** An attack needs the gradients of a model that has none. */
export class NoGradientError extends UnfooledError {
  readonly model: string
  readonly reason: string
  /** The attack, where it is known. */
  readonly attack: string | undefined

  constructor({ model, reason, attack }: { model: string; reason: string; attack?: string }) {
    super(
      'NO_GRADIENT',
      `${attack ?? 'This'} needs gradients, which ${model} does not have: ${reason}. ${withoutGradients}`,
    )
    this.model = model
    this.reason = reason
    this.attack = attack
  }
}

/** A bound, or an attack on linear regions, needs the model as a graph of operators, and there is none. */
export class NoGraphError extends UnfooledError {
  readonly model: string
  /** Name of the bound or attack. */
  readonly method: string

  constructor({ model, reason, method }: { model: string; reason: string; method: string }) {
    super(
      'NO_GRAPH',
      `${method} needs the operators of the model, and ${model} does not show them: ${reason}. Attacks that need no operators still work on this model.`,
    )
    this.model = model
    this.method = method
  }
}

/** Samples or labels that cannot be checked: wrong shape, not finite, outside the domain, unreadable. */
export class SampleError extends UnfooledError {
  constructor(message: string, options?: ErrorOptions) {
    super('SAMPLES', message, options)
  }
}

/** An attack, bound or matcher was given settings that make no sense. */
export class SettingsError extends UnfooledError {
  constructor(message: string) {
    super('SETTINGS', message)
  }
}

/** onnxruntime could not be loaded, or its worker thread died. */
export class EngineError extends UnfooledError {
  constructor(message: string, options?: ErrorOptions) {
    super('ENGINE', message, options)
  }
}

/** onnxruntime refused to load or to run a graph. */
export class GraphRefusedError extends EngineError {
  constructor(reason: string) {
    super(`onnxruntime: ${reason}`)
  }
}
