import type { BudgetRequest } from '../budget.js'
import type { Model } from '../model/model.js'
import { type VerificationResult, verifyProperty } from '../verification/verify-property.js'
import type { Property } from '../vnnlib/property.js'
import { analyse } from './analysis.js'
import { describeModel } from './describe.js'
import type { PropertyEvidence, PropertyFinding } from './evidence.js'
import { judgeProperty, withVerdict } from './judgement.js'

/** Proves a property, or finds an input that violates it. A verification that cannot run is inconclusive. */
export async function propertyEvidence(
  model: Model,
  property: Property,
  { seed, budget }: Pick<PropertyEvidence, 'seed'> & { readonly budget: BudgetRequest | undefined },
): Promise<PropertyEvidence> {
  const {
    finding: result,
    reason,
    milliseconds,
  } = await analyse(() => verifyProperty(model, property, { seed, budget }))
  const evidence = {
    kind: 'property' as const,
    ...describeModel(model.description),
    samples: { count: property.cases.length, sha256: property.sha256, labels: 'given' as const },
    property: { name: property.name, sha256: property.sha256 },
    seed,
    finding: result && summarize(result),
    warnings: [],
    interrupted: result?.interrupted ?? false,
    milliseconds,
  }
  return withVerdict(evidence, reason, judgeProperty)
}

function summarize({ cases, excluded, boxes, counterexample }: VerificationResult): PropertyFinding {
  return {
    eligible: cases,
    excluded,
    boxes,
    ...(counterexample && {
      counterexample: {
        input: Float64Array.from(counterexample.input),
        output: Float64Array.from(counterexample.output),
        met: counterexample.met,
      },
    }),
  }
}
