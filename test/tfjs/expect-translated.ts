import { expect } from 'vitest'
import type { Classifier } from '../../src/index.js'
import { gradientError, gradientTolerance } from '../../src/model/check-gradient.js'
import { reasonForOpacity } from '../../src/model/hosted-graph.js'
import { findOperator } from '../../src/operators/registry.js'
import { findActivations } from '../../src/passes/context.js'

/** A model of three classes is a graph that all passes go through, gives what TensorFlow.js gives, and has the right gradient. */
export async function expectTranslated(model: Classifier): Promise<void> {
  expect(reasonForOpacity(model.graph)).toBeUndefined()
  expect(model.description).toMatchObject({ warnings: [], output: { classes: 3 } })
  expect(model.description.fidelity).toBeLessThan(2e-5)
  const activations = findActivations(model.graph)
  for (const node of model.graph.nodes) {
    if (node.outputs.some((value) => activations.has(value))) expect(findOperator(node)).toBeDefined()
  }
  expect(await gradientError(model)).toBeLessThanOrEqual(gradientTolerance)
}
