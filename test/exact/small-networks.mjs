/**
 * A random network of rectifiers, one dense or convolutional layer or two, with few enough features for `exact`; and
 * a sample.
 * @param {import('../../src/sampling/random.js').RandomSource} random
 * @returns {{ network: import('../../src/properties/network.js').Network, input: Float32Array }}
 */
export function smallNetwork(random) {
  const whole = (least, most) => least + Math.floor(random.uniform() * (most - least + 1))
  const numbers = (count, scale) => Array.from({ length: count }, () => Math.fround(scale * random.normal()))
  const dense = (inputs, outputs) => ({
    layer: 'dense',
    weights: Array.from({ length: outputs }, () => numbers(inputs, 1 / Math.sqrt(inputs))),
    bias: numbers(outputs, 0.3),
  })
  const relu = { layer: 'activation', operator: 'Relu' }
  const classes = whole(2, 3)
  const [inputShape, layers] = random.uniform() < 0.5 ? perceptron() : convolutional()
  const size = inputShape.reduce((product, side) => product * side, 1)
  return {
    network: { inputShape, layers },
    input: Float32Array.from({ length: size }, () => 2 * random.uniform() - 1),
  }

  function perceptron() {
    const features = whole(2, 4)
    const units = [features, ...Array.from({ length: whole(1, 2) }, () => whole(3, 6))]
    const hidden = units.slice(1).flatMap((count, index) => [dense(units[index], count), relu])
    return [[features], [...hidden, dense(units[units.length - 1], classes)]]
  }

  function convolutional() {
    const [height, width, channels] = [2, whole(2, 3), whole(1, 2)]
    const weights = Array.from({ length: channels }, () => [[numbers(2, 0.5), numbers(2, 0.5)]])
    const convolution = {
      layer: 'convolution',
      weights,
      bias: numbers(channels, 0.3),
      stride: 1,
      padding: 0,
      dilation: 1,
      groups: 1,
    }
    return [
      [1, height, width],
      [convolution, relu, dense(channels * (width - 1), classes)],
    ]
  }
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
