import { afterEach, expect, test, vi } from 'vitest'
import { add } from '../../src/operators/add.js'
import { conv } from '../../src/operators/conv.js'
import { gemm } from '../../src/operators/gemm.js'
import { mul } from '../../src/operators/mul.js'
import type { LinearRules, Operator } from '../../src/operators/operator.js'
import { checkLinearOperator, checkOperator, normals, type OperatorCase } from './harness.js'

afterEach(() => {
  vi.restoreAllMocks()
})

const dense: OperatorCase = {
  features: [3],
  build: (builder, input, random) =>
    builder.add('Gemm', [input, normals(builder, random, [3, 4]), normals(builder, random, [4])]),
}

const square: OperatorCase = { features: [3], build: (builder, input) => builder.add('Mul', [input, input]) }

/** Replaces some linear rules of an operator by wrong ones. */
function breakLinear(operator: Operator, wrong: (right: LinearRules) => Partial<LinearRules>): void {
  const rules = operator.linear!
  vi.spyOn(operator as Required<Operator>, 'linear').mockImplementation((...parameters) => {
    const right = rules(...parameters)!
    return { ...right, ...wrong(right) }
  })
}

test('the harness accepts the right rules', async () => {
  await checkLinearOperator(dense)
  await checkOperator(square)
})

test('a gradient that is off by one part in ten thousand is caught', async () => {
  breakLinear(gemm, ({ transpose }) => ({
    transpose: (node, gradients, context) => {
      const [gradient] = transpose(node, gradients, context)
      return [context.builder.add('Mul', [gradient!, context.builder.scalar(1.0001)])]
    },
  }))
  await expect(checkOperator(dense)).rejects.toThrow('vjp against finite differences')
})

test('a tangent that ignores an input is caught', async () => {
  vi.spyOn(mul.derivative!, 'jvp').mockImplementation((node, [tangent], context) => [
    context.builder.add('Mul', [tangent!, context.rows(context.value(node.inputs[0]))]),
  ])
  await expect(checkOperator(square)).rejects.toThrow('jvp against vjp')
})

test('a rule that takes forward values for rows is caught', async () => {
  const { vjp } = mul.derivative!
  vi.spyOn(mul.derivative!, 'vjp').mockImplementation((node, gradients, context) =>
    vjp(node, gradients, { ...context, rows: (sliced) => sliced }),
  )
  await expect(checkOperator(square)).rejects.toThrow()
})

test('a wrong float64 lowering is caught', async () => {
  const lower = conv.lower!
  vi.spyOn(conv as Required<Operator>, 'lower').mockImplementation((node, inputs, context) => {
    const { builder } = context
    return lower(node, inputs, context).map((output) => builder.add('Mul', [output, builder.scalar(1.001)]))
  })
  const check = checkOperator({
    features: [1, 3, 3],
    build: (builder, input, random) => builder.add('Conv', [input, normals(builder, random, [1, 1, 2, 2])]),
  })
  await expect(check).rejects.toThrow('float64 forward against float32 forward')
})

test('an absolute rule that forgets to take |W| is caught', async () => {
  breakLinear(gemm, ({ apply }) => ({
    apply: (node, inputs, context, { bias }) => apply(node, inputs, context, { absolute: false, bias }),
  }))
  await expect(checkLinearOperator(dense)).rejects.toThrow('absolute apply')
})

test('a bias where none was asked for is caught', async () => {
  breakLinear(gemm, ({ apply }) => ({
    apply: (node, inputs, context, { absolute }) => apply(node, inputs, context, { absolute, bias: true }),
  }))
  await expect(checkLinearOperator(dense)).rejects.toThrow()
})

test('a missing bias is caught', async () => {
  breakLinear(gemm, ({ apply }) => ({
    apply: (node, inputs, context, { absolute }) => apply(node, inputs, context, { absolute, bias: false }),
  }))
  await expect(checkLinearOperator(dense)).rejects.toThrow('apply with bias against forward')
})

test('too few terms are caught', async () => {
  breakLinear(gemm, () => ({ terms: () => 2 }))
  await expect(checkLinearOperator(dense)).rejects.toThrow('terms says 2')
})

test('an operator that claims to move numbers only is caught', async () => {
  breakLinear(add, () => ({ terms: () => 1 }))
  const check = checkLinearOperator({
    features: [3],
    build: (builder, input, random) => builder.add('Add', [input, normals(builder, random, [3])]),
  })
  await expect(check).rejects.toThrow('terms says 1')
})
