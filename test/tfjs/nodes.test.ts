import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { engine } from '../../src/engine/engine.js'
import { attack, bound, crown, loadTfjsModel, marginBounds, NoGraphError, randomNoise } from '../../src/index.js'
import { gradientError, gradientTolerance } from '../../src/model/check-gradient.js'
import { reasonForOpacity } from '../../src/model/hosted-graph.js'
import { nodeRules } from '../../src/model/tensorflow/nodes/rules.js'
import { randomSource } from '../../src/sampling/random.js'
import { randomInputs, sampledMargins } from '../bounds/sampling.js'
import { seed } from '../seed.js'
import { expectTranslated } from './expect-translated.js'
import { TfjsGraphBuilder } from './graph-builder.js'

beforeAll(async () => {
  await tf.setBackend('cpu')
})
afterAll(() => engine.close())

const random = randomSource(seed)
const normals = (graph: TfjsGraphBuilder, shape: readonly number[]) =>
  graph.floats(
    Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, () => 0.5 * random.normal()),
    shape,
  )
const positive = (graph: TfjsGraphBuilder, count: number) =>
  graph.floats(
    Float32Array.from({ length: count }, () => 0.5 + random.uniform()),
    [count],
  )

/** The value, and the shape of one sample of it. */
type Built = readonly [value: string, shape: readonly number[]]
type Build = (graph: TfjsGraphBuilder, x: string) => Built

const image = [6, 5, 3]
const square = [1, 1, 1, 1]
const plain = { strides: square, dilations: square, padding: 'SAME', data_format: 'NHWC' }

const convolution =
  (settings: Readonly<Record<string, string | readonly number[]>>, shape: readonly number[], size = 3): Build =>
  (graph, x) => [graph.add('Conv2D', [x, normals(graph, [size, size, 3, 4])], { ...plain, ...settings }), shape]
/** With strides of 2; the batch of the output is found out as the converter writes it. */
const transposedConvolution =
  (padding: string, shape: readonly number[]): Build =>
  (graph, x) => {
    const masks = { begin_mask: 0, end_mask: 0, ellipsis_mask: 0, new_axis_mask: 0, shrink_axis_mask: 1 }
    const bounds = [[0], [1], [1]].map((numbers) => graph.ints(numbers))
    const batch = graph.add('StridedSlice', [graph.add('Shape', [x]), ...bounds], masks)
    const sizes = graph.add('Pack', [batch, ...shape.map((size) => graph.ints([size], []))], { axis: 0, N: 4 })
    const attributes = { ...plain, padding, strides: [1, 2, 2, 1] }
    return [graph.add('Conv2DBackpropInput', [sizes, normals(graph, [3, 3, 4, 3]), x], attributes), shape]
  }
const fusedConvolution =
  (...operators: string[]): Build =>
  (graph, x) => {
    const parameters = [normals(graph, [3, 3, 3, 4]), normals(graph, [4])]
    if (operators.includes('Prelu')) parameters.push(normals(graph, [4]))
    const attributes = { ...plain, fused_ops: operators, num_args: parameters.length - 1, leakyrelu_alpha: 0.3 }
    return [graph.add('_FusedConv2D', [x, ...parameters], attributes), [6, 5, 4]]
  }
const unary =
  (op: string, isPositive = false): Build =>
  (graph, x) => {
    const [value, shape] = convolution({}, [6, 5, 4])(graph, x)
    const inside = isPositive ? graph.add('AddV2', [graph.add('Square', [value]), graph.floats([0.5], [])]) : value
    return [graph.add(op, [inside]), shape]
  }
const binary =
  (op: string, constant?: readonly number[]): Build =>
  (graph, x) => {
    const [left, shape] = convolution({}, [6, 5, 4])(graph, x)
    const [other] = convolution({}, shape)(graph, x)
    const right = constant
      ? graph.floats(
          Float32Array.from({ length: constant.reduce((a, b) => a * b, 1) }, () => 0.5 + random.uniform()),
          constant,
        )
      : other
    const isDivision = op.endsWith('Div') && !constant
    return [
      graph.add(op, [
        left,
        isDivision ? graph.add('AddV2', [graph.add('Square', [right]), graph.floats([0.5], [])]) : right,
      ]),
      shape,
    ]
  }
const reduced =
  (op: string, axes: readonly number[], keep_dims: boolean, shape: readonly number[], after = true): Build =>
  (graph, x) => {
    const value = after ? convolution({}, [6, 5, 4])(graph, x)[0] : x
    return [graph.add(op, [value, graph.ints(axes)], { keep_dims }), shape]
  }
const sliced =
  (bounds: readonly (readonly number[])[], masks: Readonly<Record<string, number>>, shape: readonly number[]): Build =>
  (graph, x) => {
    const all = { begin_mask: 0, end_mask: 0, ellipsis_mask: 0, new_axis_mask: 0, shrink_axis_mask: 0, ...masks }
    return [graph.add('StridedSlice', [x, ...bounds.map((numbers) => graph.ints(numbers))], all), shape]
  }
const resized =
  (op: string, size: readonly number[], settings: Readonly<Record<string, boolean>>): Build =>
  (graph, x) => {
    const attributes = { align_corners: false, half_pixel_centers: false, ...settings }
    return [graph.add(op, [x, graph.ints(size)], attributes), [...size, 3]]
  }

const cases: Record<string, Build> = {
  'Conv2D same': convolution({}, [6, 5, 4]),
  'Conv2D valid, strided': convolution({ padding: 'VALID', strides: [1, 2, 2, 1] }, [2, 2, 4]),
  'Conv2D same, strided, even': convolution({ strides: [1, 2, 2, 1] }, [3, 3, 4], 2),
  'Conv2D dilated': convolution({ dilations: [1, 2, 2, 1] }, [6, 5, 4]),
  'Conv2DBackpropInput same, strided': transposedConvolution('SAME', [11, 10, 4]),
  'Conv2DBackpropInput valid, strided': transposedConvolution('VALID', [13, 12, 4]),
  '_FusedConv2D BiasAdd': fusedConvolution('BiasAdd'),
  '_FusedConv2D Relu6': fusedConvolution('BiasAdd', 'Relu6'),
  '_FusedConv2D LeakyRelu': fusedConvolution('BiasAdd', 'LeakyRelu'),
  '_FusedConv2D Prelu': fusedConvolution('BiasAdd', 'Prelu'),
  DepthwiseConv2dNative: (graph, x) => [
    graph.add('DepthwiseConv2dNative', [x, normals(graph, [3, 3, 3, 2])], { ...plain, strides: [1, 2, 2, 1] }),
    [3, 3, 6],
  ],
  FusedDepthwiseConv2dNative: (graph, x) => [
    graph.add('FusedDepthwiseConv2dNative', [x, normals(graph, [3, 3, 3, 1]), normals(graph, [3])], {
      ...plain,
      fused_ops: ['BiasAdd', 'Relu'],
      num_args: 1,
    }),
    image,
  ],
  MaxPool: (graph, x) => [
    graph.add('MaxPool', [x], { ksize: [1, 3, 3, 1], strides: [1, 2, 2, 1], padding: 'SAME', data_format: 'NHWC' }),
    [3, 3, 3],
  ],
  AvgPool: (graph, x) => [
    graph.add('AvgPool', [x], { ksize: [1, 3, 3, 1], strides: [1, 2, 2, 1], padding: 'SAME', data_format: 'NHWC' }),
    [3, 3, 3],
  ],
  ...Object.fromEntries(
    ['FusedBatchNorm', 'FusedBatchNormV2', 'FusedBatchNormV3'].map((op): [string, Build] => [
      op,
      (graph, x) => {
        const parameters = [normals(graph, [3]), normals(graph, [3]), normals(graph, [3]), positive(graph, 3)]
        const attributes = { epsilon: 0.01, data_format: 'NHWC', is_training: false }
        return [graph.add(op, [x, ...parameters], attributes), image]
      },
    ]),
  ),
  'LeakyRelu, Prelu': (graph, x) => [
    graph.add('Prelu', [graph.add('LeakyRelu', [x], { alpha: 0.4 }), normals(graph, [1, 1, 3])]),
    image,
  ],
  'MatMul, transposed': (graph, x) => {
    const flat = graph.add('Reshape', [x, graph.ints([-1, 90])])
    return [graph.add('MatMul', [flat, normals(graph, [4, 90])], { transpose_a: false, transpose_b: true }), [4]]
  },
  _FusedMatMul: (graph, x) => {
    const flat = graph.add('Reshape', [x, graph.ints([-1, 90])])
    const attributes = { transpose_a: false, transpose_b: false, fused_ops: ['BiasAdd', 'Elu'], num_args: 1 }
    return [graph.add('_FusedMatMul', [flat, normals(graph, [90, 4]), normals(graph, [4])], attributes), [4]]
  },
  'MatMul of the rows of a sample': (graph, x) => {
    const rows = graph.add('Reshape', [x, graph.ints([-1, 15])])
    const attributes = { transpose_a: false, transpose_b: true, fused_ops: ['BiasAdd', 'LeakyRelu'], num_args: 1 }
    const factors = [rows, normals(graph, [4, 15]), normals(graph, [4])]
    const product = graph.add('_FusedMatMul', factors, { ...attributes, leakyrelu_alpha: 0.3 })
    const scaled = graph.add('Mul', [graph.add('Softmax', [product]), normals(graph, [4])])
    return [graph.add('Reshape', [scaled, graph.ints([-1, 6, 4])]), [6, 4]]
  },
  'BatchMatMulV2 of values, transposed': (graph, x) => {
    const rows = graph.add('Reshape', [x, graph.ints([-1, 3, 6, 5])])
    const other = graph.add('Reshape', [graph.add('Exp', [x]), graph.ints([-1, 3, 6, 5])])
    return [graph.add('BatchMatMulV2', [rows, other], { adj_x: true, adj_y: false }), [3, 5, 5]]
  },
  'BatchMatMul with constants on either side': (graph, x) => {
    const rows = graph.add('Reshape', [x, graph.ints([-1, 3, 6, 5])])
    const left = graph.add('BatchMatMul', [normals(graph, [1, 3, 6, 4]), rows], { adj_x: true, adj_y: false })
    return [graph.add('BatchMatMulV2', [left, normals(graph, [2, 5])], { adj_x: false, adj_y: true }), [3, 4, 2]]
  },
  'BatchMatMulV2 of the heads of a sample': (graph, x) => {
    const heads = graph.add('Reshape', [x, graph.ints([-1, 6, 5])])
    const scores = graph.add('BatchMatMulV2', [heads, heads], { adj_x: false, adj_y: true })
    return [graph.add('Reshape', [scores, graph.ints([-1, 3, 6, 6])]), [3, 6, 6]]
  },
  'Einsum of a value and weights': (graph, x) => [
    graph.add('Einsum', [x, normals(graph, [3, 2, 4])], { equation: 'abcd,def->abcef', N: 2 }),
    [6, 5, 2, 4],
  ],
  'Einsum of values': (graph, x) => [
    graph.add('Einsum', [x, graph.add('Relu', [x])], { equation: 'aecd,abcd->acbe', N: 2 }),
    [5, 6, 6],
  ],
  'Einsum without a batch': (graph, x) => {
    const rows = graph.add('Reshape', [x, graph.ints([-1, 5, 3])])
    const product = graph.add('Einsum', [rows, normals(graph, [6, 3])], { equation: 'abc,dc->bad', N: 2 })
    return [graph.add('Transpose', [product, graph.ints([1, 0, 2])]), [6, 5, 6]]
  },
  'Reshape to a computed shape': (graph, x) => {
    const count = graph.add(
      'StridedSlice',
      [graph.add('Shape', [x], { out_type: 3 }), ...[[0], [1], [1]].map((one) => graph.ints(one))],
      {
        begin_mask: 0,
        end_mask: 0,
        ellipsis_mask: 0,
        new_axis_mask: 0,
        shrink_axis_mask: 1,
      },
    )
    const shape = graph.add('Pack', [count, graph.ints([90], [])], { axis: 0, N: 2 })
    return [graph.add('Reshape', [x, shape]), [90]]
  },
  ...Object.fromEntries(
    [
      'Relu',
      'Relu6',
      'Elu',
      'Sigmoid',
      'Tanh',
      'Softplus',
      'Softmax',
      'LogSoftmax',
      'Abs',
      'Cos',
      'Erf',
      'Exp',
      'Expm1',
      'Neg',
      'Selu',
      'Sin',
      'Snapshot',
      'Square',
      'Identity',
      'StopGradient',
    ].map((op) => [op, unary(op)]),
  ),
  ...Object.fromEntries(['Log', 'Log1p', 'Sqrt', 'Rsqrt', 'Reciprocal'].map((op) => [op, unary(op, true)])),
  ...Object.fromEntries(
    ['Add', 'AddV2', 'Sub', 'Mul', 'RealDiv', 'Div', 'Maximum', 'Minimum'].map((op) => [op, binary(op)]),
  ),
  DivNoNan: (graph, x) => {
    const divisor = graph.add('Relu', [graph.add('Sub', [x, graph.floats([0.2], [])])])
    const shifted = graph.add('Add', [divisor, graph.add('Mul', [graph.floats([0.5, 0, 1], [3]), divisor])])
    const away = graph.add('Cast', [graph.add('Greater', [divisor, graph.floats([0], [])])], {
      SrcT: 'DT_BOOL',
      DstT: 'DT_FLOAT',
    })
    return [graph.add('DivNoNan', [x, graph.add('AddV2', [shifted, away])]), image]
  },
  SquaredDifference: binary('SquaredDifference'),
  'Pow of a scalar': (graph, x) => [graph.add('Pow', [x, graph.floats([3], [])]), image],
  'ClipByValue, FakeQuantWithMinMaxVars': (graph, x) => {
    const clipped = graph.add('ClipByValue', [x, graph.floats([-0.5], []), graph.floats([0.25], [])])
    const quantised = graph.add('FakeQuantWithMinMaxVars', [clipped, graph.floats([-1], []), graph.floats([1], [])])
    return [quantised, image]
  },
  'Maximum of a value and its mean': (graph, x) => {
    const mean = graph.add('Mean', [x, graph.ints([2])], { keep_dims: false })
    const flat = graph.add('Reshape', [mean, graph.ints([1, 18])])
    return [graph.add('Maximum', [graph.add('Reshape', [x, graph.ints([1, 5, 18])]), flat]), [5, 18]]
  },
  ...Object.fromEntries(
    ['Equal', 'NotEqual', 'Greater', 'GreaterEqual', 'Less', 'LessEqual'].map((op): [string, Build] => [
      op,
      (graph, x) => {
        const threshold = graph.floats([0.1, 0.2, -0.3], [3])
        const chosen = graph.add(op, [x, threshold])
        const inside = graph.add('LogicalAnd', [chosen, graph.add('Less', [x, graph.floats([0.8], [])])])
        const other = graph.add('LogicalOr', [inside, graph.truths([0, 1, 0])])
        const mask = graph.add('Cast', [graph.add('LogicalNot', [other])], { SrcT: 'DT_BOOL', DstT: 'DT_FLOAT' })
        return [graph.add('Mul', [x, graph.add('AddV2', [mask, graph.floats([1], [])])]), image]
      },
    ]),
  ),
  'Select by a value': (graph, x) => {
    const ways = [graph.add('Exp', [x]), graph.add('Square', [x])]
    return [graph.add('Select', [graph.add('Greater', [x, graph.floats([0], [])]), ...ways]), image]
  },
  'SelectV2 by a mask': (graph, x) => {
    const mask = graph.truths(
      Array.from({ length: 15 }, (_, index) => index % 2),
      [5, 3],
    )
    return [graph.add('SelectV2', [mask, x, graph.floats([-3], [])]), image]
  },
  'Add of channels': binary('AddV2', [4]),
  'Mul by pixels': binary('Mul', [6, 5, 1]),
  'Sub of a scalar': binary('Sub', []),
  BiasAdd: binary('BiasAdd', [4]),
  AddN: (graph, x) => {
    const parts = [0, 1, 2].map(() => convolution({}, [6, 5, 4])(graph, x)[0])
    return [graph.add('AddN', parts, { N: 3 }), [6, 5, 4]]
  },
  'Mean over pixels': reduced('Mean', [1, 2], false, [4]),
  'Mean kept': reduced('Mean', [1, 2], true, [1, 1, 4]),
  'Sum over channels': reduced('Sum', [-1], false, [6, 5]),
  'Max over pixels': reduced('Max', [1, 2], false, [3], false),
  'Min over rows': reduced('Min', [1], true, [1, 5, 4]),
  'EuclideanNorm over channels': reduced('EuclideanNorm', [3], true, [6, 5, 1]),
  'Cumsum of rows': (graph, x) => [
    graph.add('Cumsum', [x, graph.ints([1], [])], { exclusive: true, reverse: true }),
    image,
  ],
  'Squeeze and ExpandDims': (graph, x) => {
    const [mean] = reduced('Mean', [1, 2], true, [1, 1, 4])(graph, x)
    const squeezed = graph.add('Squeeze', [mean], { squeeze_dims: [1, 2] })
    return [graph.add('ExpandDims', [squeezed, graph.ints([1], [])]), [1, 4]]
  },
  Pad: (graph, x) => [graph.add('Pad', [x, graph.ints([0, 0, 1, 2, 0, 1, 0, 0], [4, 2])]), [9, 6, 3]],
  PadV2: (graph, x) => [
    graph.add('PadV2', [x, graph.ints([0, 0, 1, 0, 0, 0, 0, 0], [4, 2]), graph.floats([0.5], [])]),
    [7, 5, 3],
  ],
  'ConcatV2 of channels': (graph, x) => {
    const parts = [0, 1].map(() => convolution({}, [6, 5, 4])(graph, x)[0])
    return [graph.add('ConcatV2', [...parts, graph.ints([-1], [])], { N: 2 }), [6, 5, 8]]
  },
  'ConcatV2 with the input, of rows': (graph, x) => [
    graph.add('ConcatV2', [x, graph.add('Relu', [x]), graph.ints([1], [])], { N: 2 }),
    [12, 5, 3],
  ],
  'ConcatV2 with a constant': (graph, x) => {
    const rows = graph.add('Reshape', [x, graph.ints([-1, 6, 15])])
    return [graph.add('ConcatV2', [normals(graph, [1, 1, 15]), rows, graph.ints([1], [])], { N: 2 }), [7, 15]]
  },
  'ConcatV2 with a constant that follows the batch': (graph, x) => {
    const rows = graph.add('Reshape', [x, graph.ints([-1, 6, 15])])
    const masks = { begin_mask: 0, end_mask: 0, ellipsis_mask: 0, new_axis_mask: 0, shrink_axis_mask: 1 }
    const bounds = [[0], [1], [1]].map((numbers) => graph.ints(numbers))
    const batch = graph.add('StridedSlice', [graph.add('Shape', [x]), ...bounds], masks)
    const sizes = graph.add('Pack', [batch, graph.ints([1], []), graph.ints([15], [])], { axis: 0, N: 3 })
    const token = graph.add('BroadcastTo', [normals(graph, [1, 1, 15]), sizes])
    return [graph.add('ConcatV2', [token, rows, graph.ints([-2], [])], { N: 2 }), [7, 15]]
  },
  'Concat of the rows of a sample': (graph, x) => {
    const rows = graph.add('Reshape', [x, graph.ints([-1, 15])])
    const both = graph.add('Concat', [graph.ints([-1], []), rows, graph.add('Exp', [rows])], { N: 2 })
    return [graph.add('Reshape', [both, graph.ints([-1, 180])]), [180]]
  },
  'Pack and Unpack': (graph, x) => {
    const rows = graph.add('Unpack', [x], { axis: 1, num: 6 })
    return [graph.add('Pack', [`${rows}:3`, rows, normals(graph, [1, 5, 3])], { axis: -2, N: 3 }), [5, 3, 3]]
  },
  'Pack in front of the batch, and Unpack': (graph, x) => {
    const packed = graph.add('Pack', [x, graph.add('Exp', [x])], { axis: 0, N: 2 })
    const [first, second] = ['', ':1'].map((part) => graph.add('Unpack', [packed], { axis: 0, num: 2 }) + part)
    return [graph.add('Sub', [first, second]), image]
  },
  Tile: (graph, x) => [graph.add('Tile', [x, graph.ints([1, 2, 1, 3])]), [12, 5, 9]],
  'BroadcastTo and MirrorPad': (graph, x) => {
    const mean = graph.add('Mean', [x, graph.ints([1])], { keep_dims: true })
    const wide = graph.add('BroadcastTo', [mean, graph.ints([1, 4, 5, 3])])
    const reflected = graph.add('MirrorPad', [wide, graph.ints([0, 0, 0, 0, 2, 1, 0, 0], [4, 2])], { mode: 'REFLECT' })
    const margins = graph.ints([0, 0, 0, 0, 0, 0, 2, 1], [4, 2])
    return [graph.add('MirrorPad', [reflected, margins], { mode: 'SYMMETRIC' }), [4, 8, 6]]
  },
  'Gather and GatherV2': (graph, x) => {
    const channels = graph.add('GatherV2', [x, graph.ints([2, 0, 0, 1], [2, 2]), graph.ints([-1], [])], {
      batch_dims: 0,
    })
    const rows = graph.add('Reshape', [channels, graph.ints([-1, 20])])
    const picked = graph.add('Gather', [rows, graph.ints([5, 1, 4])])
    return [graph.add('Reshape', [picked, graph.ints([-1, 60])]), [60]]
  },
  'GatherV2 of one': (graph, x) => [
    graph.add('GatherV2', [x, graph.ints([3], []), graph.ints([1], [])], { batch_dims: 0 }),
    [5, 3],
  ],
  'Reverse and ReverseV2': (graph, x) => {
    const turned = graph.add('Reverse', [x, graph.truths([0, 1, 0, 0])])
    return [graph.add('ReverseV2', [turned, graph.ints([-1, 2])]), image]
  },
  IdentityN: (graph, x) => {
    const both = graph.add('IdentityN', [x, graph.add('Exp', [x])], {})
    return [graph.add('Mul', [both, `${both}:1`]), image]
  },
  'Transpose of the batch': (graph, x) => {
    const moved = graph.add('Transpose', [x, graph.ints([1, 2, 0, 3])])
    const bent = graph.add('Mul', [graph.add('Tanh', [moved]), normals(graph, [6, 1, 1, 3])])
    return [graph.add('Transpose', [bent, graph.ints([2, 0, 1, 3])]), image]
  },
  Transpose: (graph, x) => [graph.add('Transpose', [x, graph.ints([0, 3, 1, 2])]), [3, 6, 5]],
  Slice: (graph, x) => [graph.add('Slice', [x, graph.ints([0, 1, 2, 0]), graph.ints([-1, 3, 2, 3])]), [3, 2, 3]],
  StridedSlice: sliced(
    [
      [0, 1, 0],
      [0, 6, -1],
      [1, 2, 1],
    ],
    { begin_mask: 1, end_mask: 1 },
    [3, 4, 3],
  ),
  'StridedSlice of one column': sliced(
    [
      [0, 0, 2],
      [0, 0, 3],
      [1, 1, 1],
    ],
    { begin_mask: 7, end_mask: 3, shrink_axis_mask: 4 },
    [6, 3],
  ),
  'StridedSlice with an ellipsis and a new axis': sliced(
    [
      [0, 0, 1],
      [0, 0, 2],
      [1, 1, 1],
    ],
    { ellipsis_mask: 1, new_axis_mask: 2, shrink_axis_mask: 4 },
    [6, 5, 1],
  ),
  'StridedSlice backwards': sliced(
    [
      [0, -1, 3],
      [0, -9, 0],
      [1, -2, -1],
    ],
    { begin_mask: 1, end_mask: 1 },
    [3, 3, 3],
  ),
  'StridedSlice of the sample': sliced([[0], [1], [1]], { shrink_axis_mask: 1 }, image),
  'Split, the first part': (graph, x) => [graph.add('Split', [graph.ints([1], []), x], { num_split: 3 }), [2, 5, 3]],
  'SplitV, the first part': (graph, x) => [
    graph.add('SplitV', [x, graph.ints([2, -1]), graph.ints([1], [])], { num_split: 2 }),
    [2, 5, 3],
  ],
  Split: (graph, x) => {
    const split = graph.add('Split', [graph.ints([3], []), x], { num_split: 3 })
    return [graph.add('Sub', [`${split}:2`, split]), [6, 5, 1]]
  },
  SplitV: (graph, x) => {
    const split = graph.add('SplitV', [x, graph.ints([2, 4]), graph.ints([1], [])], { num_split: 2 })
    return [`${split}:1`, [4, 5, 3]]
  },
  ResizeNearestNeighbor: resized('ResizeNearestNeighbor', [12, 10], {}),
  'ResizeNearestNeighbor, half pixels': resized('ResizeNearestNeighbor', [12, 10], { half_pixel_centers: true }),
  ResizeBilinear: resized('ResizeBilinear', [9, 10], {}),
  'ResizeBilinear, half pixels': resized('ResizeBilinear', [12, 10], { half_pixel_centers: true }),
  'ResizeBilinear, corners': resized('ResizeBilinear', [11, 9], { align_corners: true }),
  'Conv2D with listed margins': (graph, x) => [
    graph.add('Conv2D', [x, normals(graph, [3, 3, 3, 4])], {
      ...plain,
      strides: [1, 2, 1, 1],
      padding: 'EXPLICIT',
      explicit_paddings: [0, 0, 2, 1, 0, 3, 0, 0],
    }),
    [4, 6, 4],
  ],
  'DepthwiseConv2dNative dilated': (graph, x) => [
    graph.add('DepthwiseConv2dNative', [x, normals(graph, [3, 3, 3, 2])], { ...plain, dilations: [1, 2, 1, 1] }),
    [6, 5, 6],
  ],
  '_FusedConv2D Elu': fusedConvolution('BiasAdd', 'Elu'),
  '_FusedConv2D Sigmoid': fusedConvolution('BiasAdd', 'Sigmoid'),
  'Conv3D and pools': (graph, x) => {
    const volume = graph.add('Reshape', [x, graph.ints([-1, 6, 5, 3, 1])])
    const windows = { strides: [1, 1, 2, 1, 1], padding: 'SAME', data_format: 'NDHWC' }
    const kernel = normals(graph, [2, 3, 2, 1, 4])
    const convolved = graph.add('Conv3D', [volume, kernel], { ...windows, dilations: [1, 1, 1, 1, 1] })
    const pools = { ...windows, ksize: [1, 2, 2, 1, 1], strides: [1, 2, 1, 1, 1], padding: 'VALID' }
    return [graph.add('AvgPool3D', [graph.add('MaxPool3D', [convolved], pools)], pools), [1, 1, 3, 4]]
  },
  'Conv2D of several images': (graph, x) => {
    const images = graph.add('Reshape', [x, graph.ints([-1, 6, 5, 1])])
    const kernel = normals(graph, [3, 2, 1, 4])
    const convolved = graph.add('Conv2D', [images, kernel], { ...plain, strides: [1, 2, 1, 1] })
    const normal = { epsilon: 0.01, data_format: 'NHWC', is_training: false }
    const parameters = [normals(graph, [4]), normals(graph, [4]), normals(graph, [4]), positive(graph, 4)]
    const bent = graph.add('Relu', [graph.add('FusedBatchNormV3', [convolved, ...parameters], normal)])
    const pool = { ksize: [1, 2, 2, 1], strides: [1, 1, 2, 1], padding: 'SAME', data_format: 'NHWC' }
    const pooled = graph.add('BiasAdd', [graph.add('MaxPool', [bent], pool), normals(graph, [4])])
    return [graph.add('Reshape', [pooled, graph.ints([-1, 3, 3, 3, 4])]), [3, 3, 3, 4]]
  },
  'SpaceToBatchND around a convolution': (graph, x) => {
    const blocks = graph.ints([2, 3])
    const apart = graph.add('SpaceToBatchND', [x, blocks, graph.ints([1, 1, 2, 2], [2, 2])])
    const kernel = normals(graph, [2, 2, 3, 1])
    const convolved = graph.add('DepthwiseConv2dNative', [apart, kernel], { ...plain, padding: 'VALID' })
    return [graph.add('BatchToSpaceND', [convolved, blocks, graph.ints([1, 0, 0, 2], [2, 2])]), [5, 4, 3]]
  },
  LRN: (graph, x) => {
    const [value, shape] = convolution({}, [6, 5, 4])(graph, x)
    return [graph.add('LRN', [value], { depth_radius: 1, bias: 1.5, alpha: 0.3, beta: 0.75 }), shape]
  },
  DepthToSpace: (graph, x) => {
    const [value] = convolution({}, [6, 5, 4])(graph, x)
    return [graph.add('DepthToSpace', [value], { block_size: 2, data_format: 'NHWC' }), [12, 10, 1]]
  },
}

const covered = new Set<string>()

/** Between an input and a dense layer with a softmax. */
async function load(build: Build): Promise<tf.GraphModel> {
  const graph = new TfjsGraphBuilder(image)
  const [value, shape] = build(graph, 'x')
  const size = shape.reduce((product, length) => product * length, 1)
  const flat = graph.add('Reshape', [value, graph.ints([-1, size])])
  const attributes = { transpose_a: false, transpose_b: false }
  const logits = graph.add('MatMul', [flat, normals(graph, [size, 3])], attributes)
  const artifacts = graph.build(graph.add('Softmax', [logits]))
  const { node } = artifacts.modelTopology as { node: { op: string }[] }
  for (const { op } of node) covered.add(op)
  return tf.loadGraphModel(tf.io.fromMemory(artifacts))
}

test.each(Object.entries(cases))('%s is the same in ONNX', async (_, build) => {
  const native = await load(build)
  const before = tf.memory().numTensors
  // Loading compares the logits.
  const model = await loadTfjsModel(native, { tf, domain: [-1, 1] })
  await expectTranslated(model)
  await model.close()
  expect(tf.memory().numTensors).toBe(before)
  native.dispose()
})

test.each(['Ceil', 'Floor', 'Round', 'Sign'])('gradients pass straight through %s, which is warned of', async (op) => {
  const native = await load((graph, x) => {
    const wide = graph.add('Mul', [x, graph.floats([2.3], [])])
    return [graph.add(op, [wide]), image]
  })
  const model = await loadTfjsModel(native, { tf, domain: [-1, 1] })
  expect(reasonForOpacity(model.graph)).toBeUndefined()
  expect(model.description.warnings).toEqual([expect.stringContaining(`The model rounds values (${op}`)])
  const gradient = await model.inputGradient(randomInputs(model, 1, random), [0], 'logit')
  expect(gradient.some((slope) => slope !== 0)).toBe(true)
  await model.close()
  native.dispose()
})

test('every operation with a translation is among the cases', () => {
  expect([...nodeRules.keys()].filter((name) => !covered.has(name))).toEqual([])
})

test('bounds hold for what TensorFlow.js predicts', async () => {
  const native = await load(fusedConvolution('BiasAdd', 'Relu6'))
  const model = await loadTfjsModel(native, { tf, domain: [-1, 1] })
  const inputs = randomInputs(model, 2, random)
  const epsilon = [0.02, 0.02]
  const labels = (await attack(model, randomNoise({ epsilon: 0.01 }), { inputs, seed: 1 })).samples.map(
    ({ label }) => label,
  )
  const settings = { norm: 'linf', domain: 'intersect', points: 200 } as const
  const reached = await sampledMargins(model, inputs, labels, epsilon, settings, random)
  const margins = await marginBounds(model, crown({ norm: 'linf' }), { inputs, labels, epsilon: 0.02 })
  expect(margins).toHaveLength(6)
  margins.forEach((margin, index) => {
    if (index % 3 !== labels[Math.floor(index / 3)]) expect(margin).toBeLessThanOrEqual(reached[index])
  })
  await model.close()
  native.dispose()
})

test('an operation without a translation leaves TensorFlow.js its gradients, and is named', async () => {
  const native = await load((graph, x) => [graph.add('Atan', [x]), image])
  const model = await loadTfjsModel(native, { tf, domain: [-1, 1] })
  expect(reasonForOpacity(model.graph)).toMatch(/its node "Atan_\d+" \(Atan\) has no translation to ONNX/)
  expect(await gradientError(model)).toBeLessThan(0.01)
  const bounding = bound(model, crown({ norm: 'linf' }), { inputs: randomInputs(model, 1, random) })
  await expect(bounding).rejects.toThrow(NoGraphError)
  await model.close()
  native.dispose()
})

test('a gradient that TensorFlow.js cannot compute leaves no tensors behind', async () => {
  const native = await load((graph, x) => {
    const relu = graph.add('Exp', [graph.add('Mul', [x, x])])
    return [graph.add('Reverse', [graph.add('Floor', [relu]), graph.ints([1])]), image]
  })
  const before = tf.memory().numTensors
  const model = await loadTfjsModel(native, { tf, domain: [-1, 1] })
  await model.close()
  expect(tf.memory().numTensors).toBe(before)
  native.dispose()
})

test('control flow is refused where the output needs it, by its node', async () => {
  const graph = new TfjsGraphBuilder(image)
  const flat = graph.add('Reshape', ['x', graph.ints([-1, 90])])
  const logits = graph.add('MatMul', [flat, normals(graph, [90, 3])], { transpose_a: false, transpose_b: false })
  const entered = graph.add('Enter', [logits], { frame_name: 'loop', is_constant: false })
  // A loop leads back to where it began.
  const merged = graph.add('Merge', [entered, 'NextIteration_7'], { N: 2 })
  const next = graph.add('NextIteration', [merged])
  expect(next).toBe('NextIteration_7')
  const native = await tf.loadGraphModel(tf.io.fromMemory(graph.build(graph.add('Exit', [merged]))))
  await expect(loadTfjsModel(native, { tf, domain: [-1, 1] })).rejects.toThrow(
    /control flow \(node "(Enter|Merge|Exit|NextIteration)_\d+".*take an output before it/,
  )
  const model = await loadTfjsModel(native, { tf, domain: [-1, 1], output: logits })
  expect(reasonForOpacity(model.graph)).toBeUndefined()
  expect(model.description).toMatchObject({ output: { name: logits, classes: 3 } })
  await expect(loadTfjsModel(native, { tf, domain: [-1, 1], output: 'none' })).rejects.toThrow(
    'The model has neither an output nor a node "none"; its outputs are "logits".',
  )
  await model.close()
  native.dispose()
})

test.each([1, 2])('%i Softmaxes that are put into a row', async (count) => {
  const graph = new TfjsGraphBuilder(image)
  const flat = graph.add('Reshape', ['x', graph.ints([-1, 90])])
  const product = graph.add('MatMul', [flat, normals(graph, [90, 3 * count])], {})
  const bent = graph.add('Softmax', [graph.add('Reshape', [product, graph.ints([-1, 1, count, 3])])])
  const row = graph.add('Reshape', [bent, graph.ints([-1, 3 * count])])
  const native = await tf.loadGraphModel(tf.io.fromMemory(graph.build(row)))
  const model = await loadTfjsModel(native, { tf, domain: [-1, 1] })
  expect(reasonForOpacity(model.graph)).toBeUndefined()
  const inputs = randomInputs(model, 2, random)
  // Of a single one, the logits are seen: several do not compete.
  const wanted = native.execute(tf.tensor(inputs.data, [2, ...image]), count === 1 ? product : row) as tf.Tensor
  const expected = await wanted.data()
  const outputs = await model.predict(inputs)
  outputs.forEach((output, index) => expect(output).toBeCloseTo(expected[index], 5))
  await model.close()
  native.dispose()
})

test.each([1, 3])('%i Sigmoids that are put into a row', async (count) => {
  const graph = new TfjsGraphBuilder(image)
  const kernel = normals(graph, [6, 5, 3, count])
  const bent = graph.add('Sigmoid', [graph.add('Conv2D', ['x', kernel], { ...plain, padding: 'VALID' })])
  const row = graph.add('Reshape', [bent, graph.ints([-1, count])])
  const native = await tf.loadGraphModel(tf.io.fromMemory(graph.build(row)))
  const model = await loadTfjsModel(native, { tf, domain: [-1, 1] })
  expect(reasonForOpacity(model.graph)).toBeUndefined()
  const inputs = randomInputs(model, 2, random)
  const scores = tf.tidy(() => native.predict(tf.tensor(inputs.data, [2, ...image])) as tf.Tensor)
  const expected = Array.from(await scores.data())
  const outputs = Array.from(await model.predict(inputs))
  // Of a single one, the score is seen: sigmoids of several do not compete.
  const seen =
    count === 1 ? outputs.flatMap((score, index) => (index % 2 === 1 ? [1 / (1 + Math.exp(-score))] : [])) : outputs
  seen.forEach((score, index) => expect(score).toBeCloseTo(expected[index], 5))
  expect(await gradientError(model)).toBeLessThanOrEqual(gradientTolerance)
  await model.close()
  scores.dispose()
  native.dispose()
})
