import * as fc from 'fast-check'
import type { Domain } from '../geometry/domain.js'
import { clipToDomain } from '../geometry/projection.js'
import { classOf, layerValues, logitsOf } from './evaluate-network.js'
import { finiteDifferences } from './finite-differences.js'
import type { Activation, Network } from './network.js'

/** Where to look at a network, independent of the number of its features. */
export interface TestPoint {
  /**
   * `inside` the domain; at one of its corners; at a kink, where one unit's activation bends the most; or near the boundary
   * between two classes.
   */
  readonly place: 'inside' | 'corner' | 'kink' | 'boundary'
  /** Between 0 and 1, used in turn. */
  readonly coordinates: readonly number[]
  /** The unit of a kink, counted over all values that go into activations and starting again behind the last. */
  readonly unit: number
  /** An S-shaped activation bends in two places: −1 for the lower, 1 for the upper one. */
  readonly side: -1 | 1
  /** How far below the kink, or before the boundary, as a fraction of the way. */
  readonly offset: number
}

/** Points at which bounds of networks are likely to be wrong. They shrink to simple points inside the domain. */
export function testPoints(): fc.Arbitrary<TestPoint> {
  return fc.record({
    place: fc.constantFrom('inside', 'kink', 'kink', 'corner', 'boundary'),
    // Thousandths: as good as any number, and printed and shrunk in a few digits.
    coordinates: fc.array(
      fc.oneof(
        fc.constantFrom(0.5, 0, 1),
        fc.nat({ max: 1000 }).map((share) => share / 1000),
      ),
      {
        minLength: 1,
        maxLength: 8,
      },
    ),
    unit: fc.nat({ max: 15 }),
    side: fc.constantFrom(-1, 1),
    offset: fc.constantFrom(0.001, 0, 0.01, 0.1),
  })
}

/** The input that a test point stands for. */
export function placePoint(point: TestPoint, network: Network, domain: Domain): Float32Array {
  const { place, offset, coordinates } = point
  const inside = spread(coordinates, domain)
  switch (place) {
    case 'inside':
      return inside
    case 'corner':
      return inside.map((value, feature) =>
        value - domain.lower[feature] < domain.upper[feature] - value ? domain.lower[feature] : domain.upper[feature],
      )
    case 'kink':
      return atKink(inside, point, network, domain)
    case 'boundary': {
      const opposite = [...coordinates].reverse().map((value) => 1 - value)
      return nearBoundary(inside, spread(opposite, domain), network, offset)
    }
  }
}

function spread(coordinates: readonly number[], { lower, upper }: Domain): Float32Array {
  return lower.map((low, feature) => low + coordinates[feature % coordinates.length] * (upper[feature] - low))
}

/** Where the second derivative is largest: the kink itself, or where the third derivative vanishes. */
const bends: Record<Activation, number> = {
  Relu: 0,
  LeakyRelu: 0,
  Sigmoid: Math.log(2 + Math.sqrt(3)),
  Tanh: Math.log(2 + Math.sqrt(3)) / 2,
}

const newtonSteps = 4

/** Newton steps along the gradient of what goes into the unit's activation; none where that does not change. */
function atKink(
  start: Float32Array,
  { unit, side, offset }: TestPoint,
  network: Network,
  domain: Domain,
): Float32Array {
  const point = Float32Array.from(start)
  const units = activationInputs(network, point)
  if (units.length === 0) return point
  const chosen = unit % units.length
  const target = side * bends[units[chosen].operator] - offset
  const valueAt = (input: ArrayLike<number>) => activationInputs(network, input)[chosen].value
  for (let step = 0; step < newtonSteps; step++) {
    const missing = target - valueAt(point)
    const gradient = finiteDifferences(point, valueAt, 1e-3)
    const squares = gradient.reduce((sum, slope) => sum + slope * slope, 0)
    if (squares === 0) return point
    gradient.forEach((slope, feature) => {
      point[feature] += (missing / squares) * slope
    })
    clipToDomain(point, domain)
  }
  return point
}

/** All values that activations take, from the first layer on. */
function activationInputs(network: Network, input: ArrayLike<number>): { value: number; operator: Activation }[] {
  const values = [input, ...layerValues(network, input).map(({ data }) => data)]
  return network.layers.flatMap((layer, at) =>
    layer.layer === 'activation' ? Array.from(values[at], (value) => ({ value, operator: layer.operator })) : [],
  )
}

/** Bisects between two points of different classes; stays on the side of the first one. */
function nearBoundary(from: Float32Array, to: Float32Array, network: Network, offset: number): Float32Array {
  const between = (fraction: number) => from.map((value, feature) => value + fraction * (to[feature] - value))
  const label = classOf(network, from)
  if (classOf(network, to) === label) return from
  let [near, far] = [0, 1]
  for (let halving = 0; halving < 16; halving++) {
    const middle = (near + far) / 2
    if (classOf(network, between(middle)) === label) near = middle
    else far = middle
  }
  return between(near * (1 - offset))
}

/**
 * The same network with the last bias of the class predicted for `input` moved, so that it wins by `margin` there:
 * bounds are tested where they have to tell something, not where a class is far ahead.
 */
export function withMargin(network: Network, input: ArrayLike<number>, margin: number): Network {
  const last = network.layers.at(-1)!
  if (last.layer !== 'dense') return network
  const logits = Array.from(logitsOf(network, input))
  const label = classOf(network, input)
  const rival = Math.max(...logits.filter((_, index) => index !== label))
  const shift = margin - (logits[label] - rival)
  const bias = last.bias.map((value, index) => (index === label ? Math.fround(value + shift) : value))
  return { ...network, layers: [...network.layers.slice(0, -1), { ...last, bias }] }
}
