/** A JSON Schema, as far as the schema of the report needs it. */
export interface Schema {
  readonly [keyword: string]: unknown
  readonly $defs?: Readonly<Record<string, Schema>>
}

/**
 * Where a value departs from a schema: one line each. Stricter than the standard in one respect: a property that the
 * schema does not describe is a fault as well, so that none is forgotten.
 */
export function faults(value: unknown, schema: Schema, root: Schema = schema, path = '$'): string[] {
  return Object.entries(schema).flatMap(([keyword, expected]) => {
    const check = keywords[keyword]
    if (!check) throw new Error(`The keyword ${keyword} is not known here.`)
    return check(value, expected as never, { schema, root, path })
  })
}

interface Place {
  readonly schema: Schema
  readonly root: Schema
  readonly path: string
}

type Keyword = (value: unknown, expected: never, place: Place) => string[]

const annotation: Keyword = () => []

const keywords: Readonly<Record<string, Keyword>> = {
  $schema: annotation,
  $id: annotation,
  $defs: annotation,
  title: annotation,
  description: annotation,
  $ref: (value, reference: string, { root, path }) =>
    faults(value, root.$defs![reference.replace('#/$defs/', '')], root, path),
  anyOf: (value, schemas: Schema[], { root, path }) => {
    const found = schemas.map((schema) => faults(value, schema, root, path))
    return found.some((list) => list.length === 0) ? [] : found.toSorted((one, other) => one.length - other.length)[0]
  },
  const: (value, expected, { path }) => (value === expected ? [] : [`${path} is not ${expected}`]),
  enum: (value, expected: unknown[], { path }) => (expected.includes(value) ? [] : [`${path} is none of ${expected}`]),
  type: (value, expected: string, { path }) => (isA(value, expected) ? [] : [`${path} is no ${expected}`]),
  minimum: (value, least: number, { path }) => (Number(value) >= least ? [] : [`${path} is below ${least}`]),
  maximum: (value, most: number, { path }) => (Number(value) <= most ? [] : [`${path} is above ${most}`]),
  pattern: (value, pattern: string, { path }) =>
    new RegExp(pattern).test(String(value)) ? [] : [`${path} is no match`],
  minItems: (value, least: number, { path }) => ((value as []).length >= least ? [] : [`${path} is too short`]),
  maxItems: (value, most: number, { path }) => ((value as []).length <= most ? [] : [`${path} is too long`]),
  items: (value, schema: Schema, { root, path }) =>
    Array.isArray(value) ? value.flatMap((item, index) => faults(item, schema, root, `${path}[${index}]`)) : [],
  required: (value, names: string[], { path }) =>
    names.filter((name) => !Object.hasOwn(Object(value), name)).map((name) => `${path}.${name} is missing`),
  properties: (value, properties: Record<string, Schema>, { root, path }) =>
    Object.entries(Object(value)).flatMap(([name, property]) =>
      Object.hasOwn(properties, name)
        ? faults(property, properties[name], root, `${path}.${name}`)
        : [`${path}.${name} is not described`],
    ),
  additionalProperties: (value, schema: Schema, { root, path }) =>
    Object.entries(Object(value)).flatMap(([name, property]) => faults(property, schema, root, `${path}.${name}`)),
}

function isA(value: unknown, type: string): boolean {
  if (type === 'array') return Array.isArray(value)
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value)
  return type === 'integer' ? Number.isInteger(value) : typeof value === type
}
