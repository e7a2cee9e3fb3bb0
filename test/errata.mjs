/**
 * Networks of the kinds that the errata of Peck's bounds name (docs/bounds.md), as the tests and `npm run reproduce` draw
 * them. The published formulas hold in exact arithmetic only: what rounding alone refutes must not count, so weights are
 * multiples of 1/8, and a radius has to be wrong by 2 %.
 */
export const weightStep = 1 / 8
export const tolerance = 0.02

/** @type {Record<string, import('../src/properties/index.js').NetworkSettings>} */
export const errata = {
  'Relu (§4.3.1)': { inputs: 'vector', layers: ['Relu'], depth: 2, width: 2, weightStep },
  'tanh (Table 4.1)': { inputs: 'vector', layers: ['Tanh'], depth: 2, width: 2, weightStep },
  'convolution (Theorem 5.1)': { inputs: 'image', layers: ['convolution'], depth: 1, width: 1, weightStep },
  'batch normalisation (Theorem 5.6)': { layers: ['batch normalization'], depth: 1, weightStep },
  'local response normalisation (Theorem 5.9)': {
    inputs: 'image',
    layers: ['local response normalization'],
    depth: 1,
    weightStep,
  },
}

/**
 * Weights that are not zero, biases left out.
 * @param {import('../src/properties/index.js').Network} network
 */
export function weightCount({ layers }) {
  const weights = layers.flatMap((layer) => {
    if (layer.layer === 'dense') return layer.weights.flat()
    if (layer.layer === 'convolution') return layer.weights.flat(3)
    return layer.layer === 'batch normalization' ? layer.scale : []
  })
  return weights.filter((weight) => weight !== 0).length
}
