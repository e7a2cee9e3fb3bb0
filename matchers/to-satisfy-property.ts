import { refuseUnknown } from '../src/arguments.js'
import type { BudgetRequest } from '../src/budget.js'
import type { PropertyEvidence } from '../src/checks/evidence.js'
import { propertyEvidence } from '../src/checks/property-evidence.js'
import { SettingsError } from '../src/errors.js'
import { freshSeed } from '../src/sampling/random.js'
import { loadProperty } from '../src/vnnlib/load-property.js'
import type { Property } from '../src/vnnlib/property.js'
import { requireModel } from './arguments.js'

export interface SatisfyPropertyOptions {
  /** Of the random starts of the search for counterexamples. Default: a fresh one, printed with every failure. */
  readonly seed?: number
  /** Default: 90 % of what is left of the test's timeout. */
  readonly budget?: BudgetRequest
}

/** Proves a property of all inputs in its boxes, or finds an input that violates it. A string is the path of a VNN-LIB file. */
export async function checkProperty(
  received: unknown,
  pathOrProperty: string | Property,
  { seed = freshSeed(), budget, ...others }: SatisfyPropertyOptions = {},
): Promise<PropertyEvidence> {
  refuseUnknown('toSatisfyProperty', others)
  const model = requireModel(received)
  const property =
    typeof pathOrProperty === 'string' ? await loadProperty(pathOrProperty) : requireProperty(pathOrProperty)
  return propertyEvidence(model, property, { seed, budget })
}

function requireProperty(value: Property): Property {
  if (typeof value === 'object' && value !== null && Array.isArray(value.cases)) return value
  throw new SettingsError('toSatisfyProperty() takes the path of a VNN-LIB file, or what loadProperty() gives.')
}
