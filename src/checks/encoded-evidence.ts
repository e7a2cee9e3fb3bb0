import { UnfooledError } from '../errors.js'
import { type Evidence, schemaVersion } from './evidence.js'
import { decodeJson, encodeJson, type JsonSafe } from './json-safe.js'

export function encodeEvidence(evidence: Evidence): JsonSafe {
  return encodeJson(evidence)
}

/** @throws EvidenceError when the record was written by another version, or is none. */
export function decodeEvidence(encoded: JsonSafe): Evidence {
  const evidence = decodeJson(encoded) as Partial<Evidence> | null
  if (evidence === null || typeof evidence !== 'object' || evidence.schemaVersion === undefined) {
    throw new EvidenceError('This is no evidence of a check.')
  }
  if (evidence.schemaVersion !== schemaVersion || !isKind(evidence.kind)) {
    throw new EvidenceError(
      `The evidence has version ${evidence.schemaVersion} and kind "${evidence.kind}"; this version of unfooled reads version ${schemaVersion}. Use the same version for tests and reports.`,
    )
  }
  return evidence as Evidence
}

/** A record that cannot be read. */
export class EvidenceError extends UnfooledError {
  constructor(message: string) {
    super('EVIDENCE', message)
  }
}

function isKind(kind: unknown): kind is Evidence['kind'] {
  return ['attack', 'regression-attack', 'lower-bound', 'bound-validity', 'baseline', 'property'].includes(
    kind as string,
  )
}
