// The distance to the nearest input of another class as a mixed-integer program, solved by HiGHS: a second method, which
// shares nothing with the first one but the network.
import loadHighs from 'highs'

let solver

const options = {
  mip_rel_gap: 0,
  mip_abs_gap: 0,
  mip_feasibility_tolerance: 1e-9,
  primal_feasibility_tolerance: 1e-10,
  dual_feasibility_tolerance: 1e-10,
}

/**
 * Minimal distance of `input` to an input of the domain [low, high] with another class, ℓ∞ or ℓ1: each rectifier is
 * a binary variable, with bounds of its input by interval arithmetic (Tjeng, Xiao and Tedrake, "Evaluating robustness of
 * neural networks with mixed integer programming", ICLR 2019). The program of the pattern that is found is solved once
 * more, so that what tolerances leave of the binary variables is not in the result. Infinity where there is none.
 * @param {object} request
 * @param {readonly { matrix: number[][], bias: number[], rectified: boolean }[]} request.layers Affine maps.
 * @param {ArrayLike<number>} request.input
 * @param {number} request.label
 * @param {readonly [number, number]} request.domain
 * @param {'linf' | 'l1'} request.norm
 */
export async function distanceByMixedInteger({ layers, input, label, domain, norm }) {
  const classes = layers[layers.length - 1].bias.length
  let least = Number.POSITIVE_INFINITY
  for (let rival = 0; rival < classes; rival++) {
    if (rival === label) continue
    const found = await solve(programOf({ layers, input, label, rival, domain, norm }))
    if (!found) continue
    const pattern = new Map(
      Object.entries(found.Columns)
        .filter(([name]) => name.startsWith('b'))
        .map(([name, { Primal }]) => [name, Math.round(Primal)]),
    )
    const polished = await solve(programOf({ layers, input, label, rival, domain, norm, pattern }))
    least = Math.min(least, (polished ?? found).ObjectiveValue)
  }
  return least
}

/** The least objective of a program in CPLEX's LP format; undefined where it has no solution. */
export async function minimumOf(program) {
  return (await solve(program))?.ObjectiveValue
}

async function solve(program) {
  solver ??= await loadHighs()
  const result = solver.solve(program, options)
  if (result.Status === 'Optimal') return result
  if (result.Status === 'Infeasible') return undefined
  throw new Error(`HiGHS ends with ${result.Status}.`)
}

function programOf({ layers, input, label, rival, domain: [low, high], norm, pattern }) {
  const constraints = []
  const bounds = []
  const binaries = []
  const parts = input.length
  // x = input + p − n
  let values = Array.from(input, (value, index) => ({
    terms: [
      [1, `p${index}`],
      [-1, `n${index}`],
    ],
    constant: value,
    low,
    high,
  }))
  for (let index = 0; index < parts; index++) {
    bounds.push(`0 <= p${index} <= ${Math.max(high - input[index], 0)}`)
    bounds.push(`0 <= n${index} <= ${Math.max(input[index] - low, 0)}`)
  }
  layers.forEach(({ matrix, bias, rectified }, layer) => {
    values = matrix.map((row, unit) => {
      const sum = combine(row, values, bias[unit])
      if (!rectified || sum.low >= 0) return sum
      if (sum.high <= 0) return { terms: [], constant: 0, low: 0, high: 0 }
      const name = `a${layer}_${unit}`
      const binary = `b${layer}_${unit}`
      const active = pattern?.get(binary)
      if (active === 1) {
        constraints.push(`${text(sum.terms)} >= ${-sum.constant}`)
        return { ...sum, low: 0 }
      }
      if (active === 0) {
        constraints.push(`${text(sum.terms)} <= ${-sum.constant}`)
        return { terms: [], constant: 0, low: 0, high: 0 }
      }
      const rest = sum.terms.map(([factor, variable]) => [-factor, variable])
      bounds.push(`0 <= ${name} <= ${sum.high}`)
      binaries.push(binary)
      constraints.push(`${text([[1, name], ...rest])} >= ${sum.constant}`)
      constraints.push(`${text([[1, name], ...rest, [-sum.low, binary]])} <= ${sum.constant - sum.low}`)
      constraints.push(
        `${text([
          [1, name],
          [-sum.high, binary],
        ])} <= 0`,
      )
      return { terms: [[1, name]], constant: 0, low: 0, high: sum.high }
    })
  })
  const margin = combine([1, -1], [values[label], values[rival]], 0)
  constraints.push(`${text(margin.terms)} <= ${-margin.constant}`)
  const pairs = Array.from({ length: parts }, (_, index) => [
    [1, `p${index}`],
    [1, `n${index}`],
  ])
  if (norm === 'linf') for (const pair of pairs) constraints.push(`${text([...pair, [-1, 't']])} <= 0`)
  return [
    'Minimize',
    ` objective: ${norm === 'linf' ? 't' : text(pairs.flat())}`,
    'Subject To',
    ...constraints.map((line, index) => ` c${index}: ${line}`),
    'Bounds',
    ...bounds.map((line) => ` ${line}`),
    ...(binaries.length > 0 ? ['Binary', ` ${binaries.join(' ')}`] : []),
    'End',
  ].join('\n')
}

function combine(row, values, bias) {
  const terms = new Map()
  let [constant, low, high] = [bias, bias, bias]
  row.forEach((weight, index) => {
    const value = values[index]
    constant += weight * value.constant
    low += weight * (weight > 0 ? value.low : value.high)
    high += weight * (weight > 0 ? value.high : value.low)
    for (const [factor, variable] of value.terms) terms.set(variable, (terms.get(variable) ?? 0) + weight * factor)
  })
  return { terms: [...terms].map(([variable, factor]) => [factor, variable]), constant, low, high }
}

function text(terms) {
  const shown = terms.filter(([factor]) => factor !== 0)
  if (shown.length === 0) return '0 p0'
  return shown.map(([factor, variable]) => `${factor < 0 ? '-' : '+'} ${Math.abs(factor)} ${variable}`).join(' ')
}
