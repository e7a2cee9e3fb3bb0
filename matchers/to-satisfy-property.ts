import type { BudgetRequest } from '../src/budget.js'
import { analyse } from '../src/checks/analysis.js'
import { describeModel, type PropertyEvidence } from '../src/checks/evidence.js'
import { judgeProperty } from '../src/checks/judgement.js'
import { SettingsError } from '../src/errors.js'
import { freshSeed } from '../src/sampling/random.js'
import { refuseUnknown } from '../src/unknown-settings.js'
import { verifyProperty } from '../src/verification/verify-property.js'
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
  const start = performance.now()
  const { finding: result, reason } = await analyse(() => verifyProperty(model, property, { seed, budget }))
  const evidence = {
    kind: 'property',
    ...describeModel(model.description),
    samples: { count: property.cases.length, sha256: property.sha256, labels: 'given' },
    property: { name: property.name, sha256: property.sha256 },
    seed,
    finding: result && {
      eligible: result.cases,
      excluded: result.excluded,
      boxes: result.boxes,
      ...(result.counterexample && {
        counterexample: {
          input: Float64Array.from(result.counterexample.input),
          output: Float64Array.from(result.counterexample.output),
          met: result.counterexample.met,
        },
      }),
    },
    warnings: [],
    interrupted: result?.interrupted ?? false,
    milliseconds: performance.now() - start,
  } as const
  if (!evidence.finding) return { ...evidence, verdict: 'inconclusive', reason }
  return { ...evidence, ...judgeProperty(evidence.finding, evidence) }
}

function requireProperty(value: Property): Property {
  if (typeof value === 'object' && value !== null && Array.isArray(value.cases)) return value
  throw new SettingsError('toSatisfyProperty() takes the path of a VNN-LIB file, or what loadProperty() gives.')
}
