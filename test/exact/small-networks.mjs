/** @typedef {import('../../src/sampling/random.js').RandomSource} RandomSource */
/** @typedef {{ network: import('../../src/properties/network.js').Network, input: Float32Array }} NetworkAndSample */

const relu = { layer: 'activation', operator: 'Relu' }

/**
 * A random network of rectifiers, one dense or convolutional layer or two, with few enough features for `exact` to halve boxes; and
 * a sample.
 * @param {RandomSource} random
 * @returns {NetworkAndSample}
 */
export function smallNetwork(random) {
  const whole = (least, most) => least + Math.floor(random.uniform() * (most - least + 1))
  const classes = whole(2, 3)
  if (random.uniform() < 0.5) {
    const units = [whole(2, 4), ...Array.from({ length: whole(1, 2) }, () => whole(3, 6))]
    const hidden = units.slice(1).flatMap((count, index) => [dense(units[index], count, random), relu])
    return withSample([units[0]], [...hidden, dense(units[units.length - 1], classes, random)], random)
  }
  const [height, width, channels] = [2, whole(2, 3), whole(1, 2)]
  const layers = [convolution(channels, 2, random), relu, dense(channels * (width - 1), classes, random)]
  return withSample([1, height, width], layers, random)
}

/**
 * A random network of rectifiers with too many features for halving boxes, dense or convolutional; and a sample.
 * @param {RandomSource} random
 * @returns {NetworkAndSample}
 */
export function wideNetwork(random) {
  if (random.uniform() < 0.5) {
    const layers = [dense(20, 6, random), relu, dense(6, 5, random), relu, dense(5, 3, random)]
    return withSample([20], layers, random)
  }
  const layers = [convolution(2, 3, random), relu, dense(12, 4, random), relu, dense(4, 3, random)]
  return withSample([1, 4, 5], layers, random)
}

function numbers(count, scale, random) {
  return Array.from({ length: count }, () => Math.fround(scale * random.normal()))
}

function dense(inputs, outputs, random) {
  return {
    layer: 'dense',
    weights: Array.from({ length: outputs }, () => numbers(inputs, 1 / Math.sqrt(inputs), random)),
    bias: numbers(outputs, 0.3, random),
  }
}

/** Of one channel, with square kernels. */
function convolution(channels, side, random) {
  const kernel = () => [Array.from({ length: side }, () => numbers(side, 1 / side, random))]
  return {
    layer: 'convolution',
    weights: Array.from({ length: channels }, kernel),
    bias: numbers(channels, 0.3, random),
    stride: 1,
    padding: 0,
    dilation: 1,
    groups: 1,
  }
}

function withSample(inputShape, layers, random) {
  const size = inputShape.reduce((product, side) => product * side, 1)
  const input = Float32Array.from({ length: size }, () => 2 * random.uniform() - 1)
  return { network: { inputShape, layers }, input }
}

/**
 * The affine maps of a network, by what it does to unit vectors; `apply` gives the value behind a layer.
 * @param {import('../../src/properties/network.js').Network} network
 * @param {typeof import('../../src/properties/evaluate-network.js').layerValues} layerValues
 */
export function affineLayers({ inputShape, layers }, layerValues) {
  const found = []
  let shape = inputShape
  layers.forEach((layer, index) => {
    if (layer.layer === 'activation') return
    const at = (input) => layerValues({ inputShape: shape, layers: [layer] }, input)[0]
    const size = shape.reduce((product, side) => product * side, 1)
    const zero = new Float64Array(size)
    const { data: bias, shape: next } = at(zero)
    const columns = Array.from(zero, (_, feature) => {
      const { data } = at(zero.map((_, other) => (other === feature ? 1 : 0)))
      return Array.from(data, (value, unit) => value - bias[unit])
    })
    const matrix = Array.from(bias, (_, unit) => columns.map((column) => column[unit]))
    found.push({ matrix, bias: Array.from(bias), rectified: layers[index + 1]?.layer === 'activation' })
    shape = next
  })
  return found
}
