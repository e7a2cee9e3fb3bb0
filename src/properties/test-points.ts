import * as fc from 'fast-check'
import type { Domain } from '../geometry/domain.js'
import { clipToDomain } from '../geometry/projection.js'
import type { Classifier } from '../model/classifier.js'
import { predictClasses } from '../model/predict-classes.js'
import type { Network } from './network.js'

/** Where to look at a network, independent of the number of its features. */
export interface TestPoint {
  /**
   * `inside` the domain; at one of its corners; at a kink, where the pre-activation of a unit of the first dense layer
   * is zero or a hair off; or near the boundary between two classes.
   */
  readonly place: 'inside' | 'corner' | 'kink' | 'boundary'
  /** Between 0 and 1, used in turn. */
  readonly coordinates: readonly number[]
  /** How far from the kink or the boundary, in input units or as a fraction of the way. */
  readonly offset: number
}

/** Points at which bounds of networks are likely to be wrong. They shrink to simple points inside the domain. */
export function testPoints(): fc.Arbitrary<TestPoint> {
  return fc.record({
    place: fc.constantFrom('inside', 'corner', 'kink', 'boundary'),
    coordinates: fc.array(fc.oneof(fc.constantFrom(0, 0.5, 1), fc.double({ min: 0, max: 1, noNaN: true })), {
      minLength: 1,
      maxLength: 8,
    }),
    offset: fc.constantFrom(0.001, 0, 0.01, 0.1),
  })
}

/** The input that a test point stands for. */
export async function placePoint(point: TestPoint, network: Network, model: Classifier): Promise<Float32Array> {
  const { domain } = model
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
      return atKink(inside, network, domain, offset)
    case 'boundary':
      return nearBoundary(
        inside,
        spread(
          [...coordinates].reverse().map((value) => 1 - value),
          domain,
        ),
        model,
        offset,
      )
  }
}

function spread(coordinates: readonly number[], { lower, upper }: Domain): Float32Array {
  return lower.map((low, feature) => low + coordinates[feature % coordinates.length] * (upper[feature] - low))
}

/** Moves along the weights of the first unit until its pre-activation is −offset. */
function atKink(point: Float32Array, { layers: [first] }: Network, domain: Domain, offset: number): Float32Array {
  if (first.layer !== 'dense') return point
  const [weights] = first.weights
  const squares = weights.reduce((sum, weight) => sum + weight * weight, 0)
  if (squares === 0) return point
  const value = weights.reduce((sum, weight, feature) => sum + weight * point[feature], first.bias[0])
  const moved = point.map((coordinate, feature) => coordinate - ((value + offset) / squares) * weights[feature])
  clipToDomain(moved, domain)
  return moved
}

/** Bisects between two points of different classes; stays on the side of the first one. */
async function nearBoundary(from: Float32Array, to: Float32Array, model: Classifier, offset: number) {
  const classOf = async (data: Float32Array) =>
    (await predictClasses(model, { data, shape: [1, ...model.featureShape] }))[0]
  const between = (fraction: number) => from.map((value, feature) => value + fraction * (to[feature] - value))
  const label = await classOf(from)
  if ((await classOf(to)) === label) return from
  let [near, far] = [0, 1]
  for (let halving = 0; halving < 16; halving++) {
    const middle = (near + far) / 2
    if ((await classOf(between(middle))) === label) near = middle
    else far = middle
  }
  return between(near * (1 - offset))
}
