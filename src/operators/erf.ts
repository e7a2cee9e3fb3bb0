import type { GraphBuilder } from '../graph/builder.js'
import { monotone } from './monotone.js'
import type { Operator } from './operator.js'
import { sShapeRelaxation } from './s-shape.js'

const steepest = 2 / Math.sqrt(Math.PI)

/** y = 2/√π · ∫₀ˣ e^(−t²) dt */
export const erf: Operator = {
  name: 'Erf',
  elementwise: {
    derivative: (node, { builder, value }) => emitSlope(value(node.inputs[0]), builder),
  },
  interval: monotone(
    (input, _node, { builder }) => emitErf(input, builder),
    ({ rounding }) => 2 * rounding.kernelError('Erf'),
  ),
  relaxation: sShapeRelaxation({
    kernel: 'Erf',
    sum: 0,
    steepest,
    evaluate: emitErf,
    derivative: emitSlope,
    whereSteep(slope, builder) {
      const share = builder.add('Min', [builder.add('Mul', [slope, builder.scalar(1 / steepest)]), builder.scalar(1)])
      return builder.add('Sqrt', [builder.add('Neg', [builder.add('Log', [share])])])
    },
  }),

  lower: (_node, [input], { builder }) => [emitErf(input, builder)],
}

function emitSlope(input: string, builder: GraphBuilder): string {
  const power = builder.add('Exp', [builder.add('Neg', [builder.add('Mul', [input, input])])])
  return builder.add('Mul', [power, builder.scalar(steepest)])
}

/** Beyond this erf is 1 in float64. */
const saturation = 6

/** erf, in float64 by quadrature: erf x = 2x/√π · ∫₀¹ e^(−x²t²) dt. */
export function emitErf(input: string, builder: GraphBuilder): string {
  if (builder.precision === 'float32') return builder.add('Erf', [input])
  const { nodes, weights } = gaussLegendre(24)
  const clipped = builder.add('Clip', [input, builder.scalar(-saturation), builder.scalar(saturation)])
  const points = builder.add('Mul', [builder.add('Unsqueeze', [clipped, builder.ints([-1])]), builder.floats(nodes)])
  const integrand = builder.add('Exp', [builder.add('Neg', [builder.add('Mul', [points, points])])])
  const weighted = builder.add('Mul', [integrand, builder.floats(weights)])
  const integral = builder.add('ReduceSum', [weighted, builder.ints([-1])], { keepdims: 0 })
  const scaled = builder.add('Mul', [clipped, builder.scalar(steepest)])
  return builder.add('Mul', [scaled, integral])
}

/** Nodes and weights on [0, 1]: the roots of a Legendre polynomial, found by Newton's method. */
function gaussLegendre(count: number): { nodes: number[]; weights: number[] } {
  const nodes: number[] = []
  const weights: number[] = []
  for (let index = 0; index < count; index++) {
    let root = Math.cos((Math.PI * (index + 0.75)) / (count + 0.5))
    let slope = 0
    for (let iteration = 0; iteration < 10; iteration++) {
      let [previous, current] = [1, root]
      for (let degree = 2; degree <= count; degree++) {
        const next = ((2 * degree - 1) * root * current - (degree - 1) * previous) / degree
        previous = current
        current = next
      }
      slope = (count * (root * current - previous)) / (root * root - 1)
      root -= current / slope
    }
    nodes.push((root + 1) / 2)
    weights.push(1 / ((1 - root * root) * slope * slope))
  }
  return { nodes, weights }
}
