/**
 * Networks whose two logits are the same number in exact arithmetic, but not in float32: rounding errors of one of them
 * have nothing to cancel with. Each family makes one kind of error large; the weights are random.
 *
 * K. Jia, M. Rinard, "Exploiting verified neural networks via floating point numerical error", SAS 2021; D. Zombori,
 * B. Bánhelyi, T. Csendes, I. Megyeri, M. Jelasity, "Fooling a complete neural network verifier", ICLR 2021.
 *
 * @typedef {import('../../src/graph/builder.js').GraphBuilder} GraphBuilder
 * @typedef {import('../../src/sampling/random.js').RandomSource} RandomSource
 * @typedef {{
 *   featureShape: number[],
 *   epsilon: number,
 *   range?: [number, number],
 *   build(builder: GraphBuilder, input: string): string,
 * }} Network `build` returns the logits [batch, 2]; the sample is drawn from `range`, [0.1, 0.9] without it
 */

/** @type {Record<string, (random: RandomSource) => Network>} */
export const families = {
  'huge weights that cancel': (random) => permutedSums(random, { size: 10 ** (3 + 4 * random.uniform()), constant: 0 }),
  'a huge constant': (random) => permutedSums(random, { size: 1, constant: 2 ** whole(10, 24, random) }),
  'a small number behind a huge one (Zombori et al.)': absorbed,
  'a sum that stands still': standstill,
  'subnormal numbers': subnormal,
  'partial sums that overflow': overflowing,
  'a residual branch that cancels': residual,
  'normalisation by huge statistics': normalised,
  'Sigmoid and Tanh of the same number': sigmoidAndTanh,
  'slopes of LeakyRelu that cancel': leaky,
  'convolutions that cancel': convolutions,
  'depthwise and dilated convolutions that cancel': (random) => convolutions(random, true),
  'trained-like perceptrons (Jia and Rinard)': randomPerceptron,
  'trained-like CNNs (Jia and Rinard)': randomCnn,
}

/** Two sums of the same products in different orders. A `constant` is one more term, first here and last there. */
function permutedSums(random, { size, constant }) {
  const features = whole(8, 100, random)
  const terms = numbers(features, () => size * random.normal())
  const order = shuffled(features, random)
  const zeros = numbers(features, () => 0)
  const copies = [zeros, ...identityRows(features), ...order.map((from) => unit(from, features)), zeros]
  const ones = numbers(copies.length, (index) => +(index === 0 || index === copies.length - 1))
  const none = numbers(features, () => 0)
  const sums = [
    [constant, ...terms, ...none, 0],
    [0, ...none, ...permuted(terms, order), constant],
  ]
  return {
    featureShape: [features],
    epsilon: 1e-4,
    build(builder, input) {
      const copied = builder.add('Relu', [dense(builder, input, copies, ones)])
      return dense(builder, copied, sums)
    },
  }
}

/** x + ω − ω, layer after layer, beside x itself: what is small beside ω gets lost. */
function absorbed(random) {
  const features = whole(1, 12, random)
  const offsets = numbers(whole(1, 2, random), () => 2 ** whole(8, 22, random))
  const scale = 2 ** whole(0, 10, random)
  return {
    featureShape: [features],
    epsilon: 1e-3,
    build(builder, input) {
      const both = [...identityRows(features), ...identityRows(features)]
      let value = builder.add('Relu', [dense(builder, input, both)])
      for (const sign of [1, -1]) {
        for (const offset of offsets) {
          const bias = numbers(2 * features, (index) => (index < features ? sign * offset : 0))
          value = builder.add('Relu', [dense(builder, value, identityRows(2 * features), bias)])
        }
      }
      return dense(builder, value, halves(features, scale))
    },
  }
}

/** One number and many that are each less than half a unit in its last place: added one by one, they change nothing. */
function standstill(random) {
  const features = whole(30, 400, random)
  const large = 2 ** whole(0, 20, random)
  const small = () => large * 2 ** -25.2 * (0.7 + 0.3 * random.uniform())
  const terms = numbers(features, (index) => (index === 0 ? large : small()))
  const order = numbers(features, (index) => features - 1 - index)
  const copies = [...identityRows(features), ...order.map((from) => unit(from, features))]
  const row = (first, weights) => numbers(2 * features, (index) => weights[index - first] ?? 0)
  // The sum that grows from its small end keeps them.
  const rows = [row(0, terms), row(features, permuted(terms, order))]
  return {
    featureShape: [features],
    epsilon: 1e-5,
    build(builder, input) {
      const copied = builder.add('Relu', [dense(builder, input, copies)])
      return dense(builder, copied, rows)
    },
  }
}

/** Down to where float32 has few digits left, and up again. */
function subnormal(random) {
  const features = whole(1, 8, random)
  const down = whole(128, 142, random)
  return {
    featureShape: [features],
    epsilon: 1e-3,
    build(builder, input) {
      let value = builder.add('Relu', [dense(builder, input, [...identityRows(features), ...identityRows(features)])])
      const [half, rest] = [Math.floor(down / 2), down - Math.floor(down / 2)]
      for (const exponent of [-half, -rest, half, rest]) {
        const scales = numbers(2 * features, (index) => (index < features ? 2 ** exponent : 1))
        value = builder.add('Relu', [dense(builder, value, diagonal(scales))])
      }
      return dense(builder, value, halves(features, 1))
    },
  }
}

/** The sum is small, but what is added up first is beyond the largest float32 number, where all inputs are near 1. */
function overflowing(random) {
  const pairs = whole(8, 32, random)
  const size = 2 ** 128 / (0.85 * pairs)
  const terms = numbers(2 * pairs, (index) => (index < pairs ? size : -size))
  const order = numbers(2 * pairs, (index) => Math.floor(index / 2) + (index % 2) * pairs)
  const copies = order.map((from) => unit(from % pairs, pairs))
  const none = numbers(2 * pairs, () => 0)
  return {
    featureShape: [pairs],
    epsilon: 1e-3,
    range: [0.88, 0.98],
    build(builder, input) {
      const twice = [...identityRows(pairs), ...identityRows(pairs), ...copies]
      const copied = builder.add('Relu', [dense(builder, input, twice)])
      const rows = [
        [...none, ...permuted(terms, order)],
        [...terms, ...none],
      ]
      return dense(builder, copied, rows)
    },
  }
}

/** x + f(x) with f(x) = ω·(Wx) in the branch and −ω·(Wx) in the next. */
function residual(random) {
  const features = whole(2, 16, random)
  const size = 2 ** whole(8, 20, random)
  const weights = numbers(features, () => numbers(features, () => size * random.uniform()))
  return {
    featureShape: [features],
    epsilon: 1e-4,
    build(builder, input) {
      const start = builder.add('Relu', [input])
      const branch = builder.add('Relu', [dense(builder, start, weights)])
      const sum = builder.add('Relu', [builder.add('Add', [start, branch])])
      const back = builder.add('Sub', [sum, branch])
      return dense(builder, builder.add('Concat', [back, start], { axis: 1 }), halves(features, 1))
    },
  }
}

/** Batch normalisation with running means of ±ω, one after the other. */
function normalised(random) {
  const channels = whole(1, 4, random)
  const side = whole(2, 5, random)
  const mean = 2 ** whole(8, 20, random)
  return {
    featureShape: [channels, side, side],
    epsilon: 1e-3,
    build(builder, input) {
      const ones = builder.floats(numbers(channels, () => 1))
      const zeros = builder.floats(numbers(channels, () => 0))
      const start = builder.add('Relu', [input])
      let value = start
      for (const sign of [-1, 1]) {
        const means = builder.floats(numbers(channels, () => sign * mean))
        const statistics = [ones, zeros, means, ones]
        const epsilon = /** @type {const} */ ({ kind: 'float', value: 0 })
        value = builder.add('Relu', [builder.add('BatchNormalization', [value, ...statistics], { epsilon })])
      }
      const flat = [value, start].map((part) => builder.add('Flatten', [part]))
      return dense(builder, builder.add('Concat', flat, { axis: 1 }), halves(channels * side * side, 1))
    },
  }
}

/** 2·sigmoid(x) = 1 + tanh(x/2): the errors of both kernels remain. */
function sigmoidAndTanh(random) {
  const scale = 10 ** (6 * random.uniform())
  const slope = 0.5 + 4 * random.uniform()
  return {
    featureShape: [1],
    epsilon: 1e-6,
    build(builder, input) {
      const sigmoid = builder.add('Sigmoid', [dense(builder, input, [[2 * slope]])])
      const tanh = builder.add('Tanh', [dense(builder, input, [[slope]])])
      const both = builder.add('Concat', [sigmoid, tanh], { axis: 1 })
      const rows = [
        [2 * scale, 0],
        [0, scale],
      ]
      return dense(builder, both, rows, [0, scale])
    },
  }
}

/** α·(w·x) and (α·w)·x, where the product of α and w has a float32 number of its own. */
function leaky(random) {
  const features = whole(1, 8, random)
  const alpha = whole(100, 1000, random) / 1024
  const weights = numbers(features, () => -whole(1, 2 ** 13, random))
  return {
    featureShape: [features],
    epsilon: 1e-4,
    build(builder, input) {
      const bent = builder.add('LeakyRelu', [dense(builder, input, diagonal(weights))], {
        alpha: { kind: 'float', value: alpha },
      })
      const straight = dense(builder, input, diagonal(weights.map((weight) => -alpha * weight)))
      const back = builder.add('Neg', [builder.add('Relu', [straight])])
      return dense(builder, builder.add('Concat', [bent, back], { axis: 1 }), halves(features, 1))
    },
  }
}

/** Two convolutions of the same numbers with their channels in different orders, and a pool of one kind or another. */
function convolutions(random, isDepthwise = false) {
  const channels = whole(4, 16, random)
  const kernel = whole(1, 3, random)
  const dilation = isDepthwise ? whole(1, 2, random) : 1
  const stride = whole(1, 2, random)
  const side = 3 + dilation * (kernel - 1) + whole(1, 3, random) * stride
  const size = 10 ** (2 + 4 * random.uniform())
  const terms = numbers(channels, () => numbers(kernel * kernel, () => size * random.normal()))
  // The Relu is active at most places.
  const enough = 3 * size * kernel * Math.sqrt(channels)
  const order = shuffled(channels, random)
  const pads = random.uniform() < 0.5 ? 1 : 0
  const output = Math.floor((side + 2 * pads - dilation * (kernel - 1) - 1) / stride) + 1
  const pool = ['none', 'GlobalAveragePool', 'GlobalMaxPool', 'AveragePool', 'MaxPool'][whole(0, 4, random)]
  return {
    featureShape: [channels, side, side],
    epsilon: 1e-5,
    build(builder, input) {
      const copies = [...identityRows(channels), ...order.map((from) => unit(from, channels))]
      const copied = builder.add('Relu', [
        builder.add('Conv', [input, builder.floats(copies.flat(), [2 * channels, channels, 1, 1])]),
      ])
      const attributes = { strides: [stride, stride], dilations: [dilation, dilation], pads: numbers(4, () => pads) }
      const tail = [kernel, kernel]
      let summed
      if (isDepthwise) {
        // Every channel by itself, summed by a convolution of 1×1.
        const apart = [...terms, ...permuted(terms, order)].flat()
        const depthwise = builder.add('Conv', [copied, builder.floats(apart, [2 * channels, 1, ...tail])], {
          ...attributes,
          group: 2 * channels,
        })
        const ones = [
          numbers(2 * channels, (index) => +(index < channels)),
          numbers(2 * channels, (index) => +(index >= channels)),
        ]
        summed = builder.add('Conv', [
          depthwise,
          builder.floats(ones.flat(), [2, 2 * channels, 1, 1]),
          builder.floats([enough, enough]),
        ])
      } else {
        const weights = builder.floats([...terms, ...permuted(terms, order)].flat(2), [2, channels, ...tail])
        summed = builder.add('Conv', [copied, weights, builder.floats([enough, enough])], { ...attributes, group: 2 })
      }
      const active = builder.add('Relu', [summed])
      if (pool.startsWith('Global')) return builder.add('Flatten', [builder.add(pool, [active])])
      const isPooled = pool !== 'none' && output >= 2
      const pooled = isPooled ? builder.add(pool, [active], { kernel_shape: [2, 2] }) : active
      const places = (isPooled ? output - 1 : output) ** 2
      return dense(builder, builder.add('Flatten', [pooled]), halves(places, 1))
    },
  }
}

function randomPerceptron(random) {
  const features = whole(4, 64, random)
  const width = whole(8, 64, random)
  const depth = whole(1, 3, random)
  const sizes = [features, ...numbers(depth, () => width), 2]
  const layers = sizes.slice(1).map((outputs, index) => ({
    weights: numbers(outputs, () => numbers(sizes[index], () => random.normal() * Math.sqrt(2 / sizes[index]))),
    bias: numbers(outputs, () => 0.2 * random.normal()),
  }))
  return {
    featureShape: [features],
    // So small a ball holds but one float32 input: all that the bound loses is what the run loses.
    epsilon: 1e-9,
    build(builder, input) {
      return layers.reduce((value, { weights, bias }, index) => {
        const sum = dense(builder, value, weights, bias)
        return index < layers.length - 1 ? builder.add('Relu', [sum]) : sum
      }, input)
    },
  }
}

function randomCnn(random) {
  const side = whole(8, 12, random)
  const channels = whole(2, 6, random)
  const pool = random.uniform() < 0.5 ? 'MaxPool' : 'AveragePool'
  const strides = random.uniform() < 0.5 ? [1, 1] : [2, 2]
  const kernels = [
    numbers(channels * 9, () => random.normal() / 2),
    numbers(channels * channels * 9, () => random.normal() / Math.sqrt(5 * channels)),
  ]
  const bias = numbers(channels, () => 0.2 * random.normal())
  const pooled = Math.floor((side - 2) / strides[0]) + 1
  const inputs = channels * pooled * pooled
  const last = numbers(2, () => numbers(inputs, () => random.normal() / Math.sqrt(inputs)))
  return {
    featureShape: [1, side, side],
    epsilon: 1e-9,
    build(builder, input) {
      const conv = (value, weights, inputChannels) =>
        builder.add('Conv', [value, builder.floats(weights, [channels, inputChannels, 3, 3]), builder.floats(bias)], {
          pads: [1, 1, 1, 1],
        })
      const first = builder.add('Relu', [conv(input, kernels[0], 1)])
      const second = builder.add('Relu', [builder.add('Add', [conv(first, kernels[1], channels), first])])
      const small = builder.add(pool, [second], { kernel_shape: [2, 2], strides })
      return dense(builder, builder.add('Flatten', [small]), last)
    },
  }
}

function dense(builder, value, rows, bias) {
  const operands = [value, builder.floats(rows.flat(), [rows.length, rows[0].length])]
  if (bias) operands.push(builder.floats(bias))
  return builder.add('Gemm', operands, { transB: 1 })
}

/** Sums of the first and of the second half, times `scale`. */
function halves(size, scale) {
  const half = (first) => numbers(2 * size, (index) => (Math.floor(index / size) === first ? scale : 0))
  return [half(0), half(1)]
}

function identityRows(size) {
  return diagonal(numbers(size, () => 1))
}

function diagonal(values) {
  return values.map((value, index) => numbers(values.length, (other) => (other === index ? value : 0)))
}

function unit(position, size) {
  return numbers(size, (index) => +(index === position))
}

function permuted(values, order) {
  return order.map((from) => values[from])
}

function shuffled(size, random) {
  const order = numbers(size, (index) => index)
  for (let last = size - 1; last > 0; last--) {
    const other = whole(0, last, random)
    ;[order[last], order[other]] = [order[other], order[last]]
  }
  return order
}

/** A whole number from `least` to `most`. */
function whole(least, most, random) {
  return least + Math.floor(random.uniform() * (most - least + 1))
}

function numbers(length, value) {
  return Array.from({ length }, (_, index) => value(index))
}
