import { lossGradientGraph } from '../../dist/esm/src/passes/gradient-graph.js'

/**
 * DeepFool and Carlini and Wagner's ℓ2 attack as Croce and Hein ran them: no search for the boundary afterwards, no decaying
 * rates. For classifiers with inputs in [0, 1]. ℓ2 norms of the perturbations, infinite without one.
 */
export const publishedAttacks = { DeepFool: foolboxDeepFool, CW: cleverhansCarliniWagner }

/**
 * Foolbox 1: at most 100 steps, 1.05 times those to the nearest linearised boundary, clipped. Where much is clipped, steps come to
 * the boundary without crossing it, until float32 does not tell the two logits apart, or moves no pixel any more. The first of
 * equal logits is the prediction, and only classes with smaller logits are stepped to: if the label is first, the next step is to
 * a third class, and that is where the paper's largest ratios come from.
 */
async function foolboxDeepFool(model, { inputs, labels }) {
  const origin = rowsOf(inputs)
  const points = origin.map((row) => row.slice())
  let open = [...points.keys()]
  for (let step = 0; step < 100 && open.length > 0; step++) {
    const standing = open.map((sample) => points[sample])
    const perClass = []
    for (let label = 0; label < model.classes; label++) {
      perClass.push(await differentiate(model, 'logit', standing, Array(open.length).fill(label)))
    }
    open = open.filter((sample, row) => {
      const { logits, gradient: own } = perClass[labels[sample]][row]
      if (logits.indexOf(Math.max(...logits)) !== labels[sample]) return false
      const ways = perClass.flatMap((answers, other) => {
        if (!(logits[other] < logits[labels[sample]])) return []
        const direction = answers[row].gradient.map((value, feature) => value - own[feature])
        const size = Math.hypot(...direction) + 1e-8
        return [{ direction, size, distance: (logits[labels[sample]] - logits[other]) / size }]
      })
      const { direction, size, distance } = ways.reduce((best, way) => (way.distance < best.distance ? way : best))
      points[sample] = points[sample].map((value, feature) =>
        clip(value + (1.05 * distance * direction[feature]) / size),
      )
      return true
    })
  }
  const failed = new Set(open)
  return points.map((point, sample) =>
    failed.has(sample) ? Number.POSITIVE_INFINITY : distanceOf(point, origin[sample]),
  )
}

/** cleverhans 2: Adam anew for each of several constants, the first 10⁻³; leaves when nothing was gained in a tenth of the steps. */
async function cleverhansCarliniWagner(model, { inputs, labels }, { constants = 9, steps = 10_000, rate = 0.01 } = {}) {
  const origin = rowsOf(inputs)
  const best = origin.map(() => Number.POSITIVE_INFINITY)
  const searches = origin.map(() => ({ lower: 0, upper: 1e10, constant: 1e-3 }))
  for (let round = 0; round < constants; round++) {
    const runs = origin.map((row, sample) => ({
      sample,
      // As in the program: the point that perturbations are measured from is a little inside the domain.
      start: row.map((value) => Math.atanh((2 * value - 1) * 0.999999)),
      change: new Float64Array(row.length),
      momentum: new Float64Array(row.length),
      variance: new Float64Array(row.length),
      last: Number.POSITIVE_INFINITY,
      fooled: false,
    }))
    let open = runs
    for (let step = 0; step < steps && open.length > 0; step++) {
      const points = open.map(({ start, change }) =>
        Float32Array.from(start, (value, feature) => (Math.tanh(value + change[feature]) + 1) / 2),
      )
      const answers = await differentiate(
        model,
        'margin',
        points,
        open.map(({ sample }) => labels[sample]),
      )
      open = open.filter((run, row) => {
        const { sample, start, change, momentum, variance } = run
        const { constant } = searches[sample]
        const { logits, gradient } = answers[row]
        const lead = marginOf(logits, labels[sample])
        let square = 0
        for (let feature = 0; feature < change.length; feature++) {
          const position = Math.tanh(start[feature] + change[feature])
          const displacement = (position - Math.tanh(start[feature])) / 2
          square += displacement ** 2
          const penalty = lead > 0 ? constant * gradient[feature] : 0
          const slope = ((2 * displacement + penalty) * (1 - position ** 2)) / 2
          momentum[feature] += 0.1 * (slope - momentum[feature])
          variance[feature] += 0.001 * (slope ** 2 - variance[feature])
          const corrected = (rate * Math.sqrt(1 - 0.999 ** (step + 1))) / (1 - 0.9 ** (step + 1))
          change[feature] -= (corrected * momentum[feature]) / (Math.sqrt(variance[feature]) + 1e-8)
        }
        if (lead < 0) {
          run.fooled = true
          best[sample] = Math.min(best[sample], distanceOf(points[row], origin[sample]))
        }
        if (step % Math.floor(steps / 10) !== 0) return true
        const loss = square + constant * Math.max(lead, 0)
        if (loss > 0.9999 * run.last) return false
        run.last = loss
        return true
      })
    }
    for (const { sample, fooled } of runs) {
      const search = searches[sample]
      if (fooled) search.upper = Math.min(search.upper, search.constant)
      else search.lower = Math.max(search.lower, search.constant)
      if (search.upper < 1e9) search.constant = (search.lower + search.upper) / 2
      else search.constant *= 10
    }
  }
  return best
}

/** Logits and the gradients of a loss at points, for one class each. */
async function differentiate(model, loss, points, classes) {
  const [{ name }] = model.graph.inputs
  const size = points[0].length
  const data = new Float32Array(points.length * size)
  points.forEach((point, row) => data.set(point, row * size))
  const compiled = await model.compile(`published attacks ${loss}`, () => lossGradientGraph(model.graph, loss))
  const { logits, gradient } = await compiled.run({
    [name]: { type: 'float32', data, shape: [points.length, ...model.featureShape] },
    labels: { type: 'int64', data: BigInt64Array.from(classes, BigInt), shape: [points.length] },
  })
  const row = (tensor, index) => {
    const width = tensor.data.length / points.length
    return tensor.data.subarray(index * width, (index + 1) * width)
  }
  return points.map((_, index) => ({ logits: row(logits, index), gradient: row(gradient, index) }))
}

function rowsOf({ data, shape: [count] }) {
  const size = data.length / count
  return Array.from({ length: count }, (_, row) => data.slice(row * size, (row + 1) * size))
}

/** logits[label] − max over the other classes */
function marginOf(logits, label) {
  return logits[label] - Math.max(...logits.filter((_, other) => other !== label))
}

function clip(value) {
  return Math.min(Math.max(value, 0), 1)
}

function distanceOf(point, origin) {
  return Math.sqrt(point.reduce((sum, value, feature) => sum + (value - origin[feature]) ** 2, 0))
}
