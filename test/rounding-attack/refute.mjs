/**
 * Makes a certificate in exact arithmetic wrong, as Jia and Rinard do: shifts one logit until the bound in float64
 * arithmetic that ignores rounding just certifies, and a run of the model in float32 just does not.
 *
 * @typedef {typeof import('../../src/index.js')
 *   & Pick<typeof import('../../src/graph/builder.js'), 'GraphBuilder'>
 *   & Pick<typeof import('../../src/graph/encode.js'), 'encodeModel'>
 *   & Pick<typeof import('../../src/geometry/random-perturbation.js'), 'perturbationInBall'>} Tools
 * @typedef {import('./families.mjs').Network} Network
 */

const points = 200

/**
 * A model that misclassifies an input whose ball of radius `epsilon` (any norm) the naive bound certifies, with that
 * ball; undefined where rounding does not go far enough. `least` is the smallest margin that the model itself had.
 * @param {Network} network
 * @param {import('../../src/sampling/random.js').RandomSource} random
 * @param {Tools} tools
 */
export async function refutedModel(network, random, tools) {
  const { featureShape, epsilon, range: [from, to] = [0.1, 0.9] } = network
  const features = featureShape.reduce((product, size) => product * size, 1)
  const centre = Float32Array.from({ length: features }, () => from + (to - from) * random.uniform())
  const inputs = { data: centre, shape: [1, ...featureShape] }
  const around = { data: pointsAround(centre, epsilon, random, tools), shape: [points, ...featureShape] }
  const naive = tools.crown({ norm: 'linf', rounding: 'ignored', precision: 'float64' })

  const load = (gap) => tools.loadModel(encode(network, gap, tools), { domain: [0, 1] })
  const unshifted = await load([0, 0])
  const attempts = []
  for (const label of [0, 1]) {
    const certified = await margin(unshifted, naive, { inputs, label, epsilon }, tools)
    attempts.push({ label, certified, least: await smallestMargin(unshifted, around, label) })
  }
  await unshifted.close()
  // Whichever logit loses more can be made the one that should win.
  const { label, certified, least } = attempts.sort((left, right) => loss(right) - loss(left))[0]
  if (!(loss({ certified, least }) > 0)) return undefined
  for (const part of [0.8, 0.5, 0.2]) {
    // Where numbers overflow, any gap will do.
    const shift = Number.isFinite(least) ? -least - part * (certified - least) : 1 - certified
    const model = await load(label === 0 ? [shift, 0] : [0, shift])
    const found = await smallestMargin(model, around, label)
    const ball = { inputs, label, epsilon }
    const bound = found > 0 ? 0 : await margin(model, naive, ball, tools)
    if (bound > 0) return { model, ...ball, least: found, naive: bound }
    await model.close()
  }
  return undefined
}

function loss({ certified, least }) {
  if (!Number.isFinite(certified)) return Number.NEGATIVE_INFINITY
  return Number.isFinite(least) ? certified - least : Number.POSITIVE_INFINITY
}

/** Lower bound of the margin over the ball of a refuted model. */
export async function margin(model, bound, { inputs, label, epsilon }, { marginBounds }) {
  return (await marginBounds(model, bound, { inputs, labels: [label], epsilon }))[1 - label]
}

/** Smallest f_label − f_other over the points, of runs of the model; −∞ where one is not a number. */
async function smallestMargin(model, inputs, label) {
  const logits = await model.predict(inputs)
  let least = Number.POSITIVE_INFINITY
  for (let point = 0; point < points; point++) {
    const margin = logits[2 * point + label] - logits[2 * point + 1 - label]
    least = Number.isNaN(margin) ? Number.NEGATIVE_INFINITY : Math.min(least, margin)
  }
  return least
}

/** The centre and points of the ℓ1 ball, which is part of the other balls. */
function pointsAround(centre, epsilon, random, { perturbationInBall }) {
  const features = centre.length
  const data = new Float32Array(points * features)
  for (let point = 0; point < points; point++) {
    // Points well inside survive the rounding to float32.
    const step = perturbationInBall('l1', 0.9 * epsilon, features, random)
    for (let feature = 0; feature < features; feature++) {
      const moved = Math.fround(centre[feature] + (point === 0 ? 0 : step[feature]))
      data[point * features + feature] = moved
    }
  }
  return data
}

function encode({ featureShape, build }, gap, { GraphBuilder, encodeModel }) {
  const builder = new GraphBuilder(18)
  const input = builder.input('input', 'float32', ['batch', ...featureShape])
  const logits = build(builder, input)
  builder.output('logits', builder.add('Add', [logits, builder.floats(gap, [1, 2])]))
  return encodeModel(builder.build())
}
