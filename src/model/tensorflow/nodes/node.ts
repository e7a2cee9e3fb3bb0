import type { GraphBuilder } from '../../../graph/builder.js'
import type { Weights } from '../layers/layer.js'
import type { Form, Value } from '../layers/value.js'

/** A node of a graph model as its file has it. */
export interface TopologyNode {
  readonly name: string
  readonly op: string
  readonly input?: readonly string[]
  readonly attr?: Readonly<Record<string, TopologyAttribute>>
}

/** Strings are in base64, whole numbers may be written as strings, and types as their numbers. */
interface TopologyAttribute {
  readonly type?: string | number
  readonly s?: string
  readonly i?: number | string
  readonly f?: number
  readonly b?: boolean
  readonly list?: { readonly s?: readonly string[]; readonly i?: readonly (number | string)[] }
}

/** An input of a node: a value of the network, or a constant. Whole numbers are floats in a translation. */
export type Operand = { readonly value: Value } | { readonly constant: Constant }

export interface Constant extends Weights {
  /** Its numbers are truth values. */
  readonly isLogical: boolean
}

/** A node to translate. */
export interface NodeContext {
  readonly builder: GraphBuilder
  readonly node: TopologyNode
  readonly operands: readonly Operand[]
  readonly outputs: readonly Form[]
}

/** Emits the operators of a node, and gives its outputs: their numbers, in whichever form comes easily. */
export type NodeRule = (node: NodeContext) => readonly Value[]

export function textOf({ attr }: TopologyNode, name: string): string | undefined {
  const text = attr?.[name]?.s
  return text === undefined ? undefined : decoded(text)
}

export function textsOf({ attr }: TopologyNode, name: string): string[] {
  return (attr?.[name]?.list?.s ?? []).map(decoded)
}

export function integersOf({ attr }: TopologyNode, name: string): number[] {
  return (attr?.[name]?.list?.i ?? []).map(Number)
}

export function integerOf({ attr }: TopologyNode, name: string): number {
  return Number(attr?.[name]?.i ?? 0)
}

export function numberOf({ attr }: TopologyNode, name: string, fallback: number): number {
  return Number(attr?.[name]?.f ?? fallback)
}

/** What an attribute that is a type says of numbers. */
export function kindOf({ attr }: TopologyNode, name: string): 'whole' | 'float' | 'truth' | 'other' {
  const type = attr?.[name]?.type
  return kinds[String(type)] ?? 'other'
}

/** Types by their names and by their numbers. */
const kinds: Readonly<Record<string, 'whole' | 'float' | 'truth'>> = {
  DT_FLOAT: 'float',
  1: 'float',
  DT_HALF: 'float',
  19: 'float',
  DT_INT32: 'whole',
  3: 'whole',
  DT_INT64: 'whole',
  9: 'whole',
  DT_BOOL: 'truth',
  10: 'truth',
}

export function isSet({ attr }: TopologyNode, name: string): boolean {
  return attr?.[name]?.b === true
}

function decoded(text: string): string {
  return Buffer.from(text, 'base64').toString('latin1')
}
