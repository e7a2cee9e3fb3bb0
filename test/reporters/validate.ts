import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import Ajv, { type ErrorObject } from 'ajv/dist/2020.js'
import DraftFour from 'ajv-draft-04'
import addFormats from 'ajv-formats'
import { validateXML } from 'xmllint-wasm'

const read = (path: string) => readFileSync(fileURLToPath(new URL(path, import.meta.url)), 'utf8')

const report = new Ajv.default({ allErrors: true }).compile(
  closed(JSON.parse(read('../../reporters/report.schema.json'))),
)
const sarif = addFormats
  .default(new DraftFour.default({ allErrors: true, unicodeRegExp: false }))
  .compile(JSON.parse(read('schemas/sarif-2.1.0-rtm.5.json')))
const junit = read('schemas/junit-4.xsd')

/** Where a value departs from report.schema.json: one line each. A property that the schema does not describe is a fault. */
export function reportFaults(value: unknown): string[] {
  return report(value) ? [] : report.errors!.map(describe)
}

/** Where a value departs from the schema of SARIF 2.1.0. */
export function sarifFaults(value: unknown): string[] {
  return sarif(value) ? [] : sarif.errors!.map(describe)
}

/** Where a text departs from the schema that Jenkins has for JUnit. */
export async function junitFaults(xml: string): Promise<string[]> {
  const { errors } = await validateXML({ xml, schema: junit })
  return errors.map(({ rawMessage }) => rawMessage)
}

function describe({ instancePath, message, params }: ErrorObject): string {
  return `${instancePath} ${message} ${JSON.stringify(params)}`
}

/** The schema without its permission to add properties, so that none is forgotten. */
function closed(schema: unknown): never {
  if (Array.isArray(schema)) return schema.map(closed) as never
  if (typeof schema !== 'object' || schema === null) return schema as never
  const entries = Object.entries(schema).map(([name, value]) => [name, closed(value)])
  const open = 'type' in schema && schema.type === 'object' && !('additionalProperties' in schema)
  return Object.fromEntries(open ? [...entries, ['additionalProperties', false]] : entries) as never
}
