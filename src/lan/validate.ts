/**
 * Compares what stands in a YAML or JSON text with a schema, node by node, so that every problem has its place. What comes out
 * is the plain value without the parts that are wrong (in lists these are holes, which flatMap and forEach pass over), and where
 * each part stands.
 */
import { isAlias, isMap, isScalar, isSeq, type Node, type Pair } from 'yaml'
import { parseAddress } from '../header/ip-address.ts'
import { nearest } from './nearest.ts'
import { formatPath, type Path, type Problems } from './problems.ts'
import type { Schema } from './schema-type.ts'

/** Offsets in the text by formatPath. */
export type Places = Map<string, number>

export interface Checked {
  readonly value: unknown
  readonly places: Places
}

type Kind = 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean' | 'null' | 'alias'

/** `node` as `schema` has it; what is not goes to `problems`. */
export function validate(node: Node, schema: Schema, problems: Problems): Checked {
  const places: Places = new Map()
  return { value: check(node, schema, []), places }

  function check(node: Node, schema: Schema, path: Path): unknown {
    const offset = node.range?.[0] ?? 0
    places.set(formatPath(path), offset)
    const kind = kindOf(node)
    const add = (message: string): undefined => void problems.add(path, offset, message)
    if (kind === 'alias') return add('anchors and aliases are not understood: write the value out')
    const branch = branchFor(schema, kind)
    if (branch === undefined) return add(complaint(node, schema))
    if (isMap(node)) return checkMap(node.items as Pair<Node, Node | null>[], branch, path, offset)
    if (isSeq(node)) return checkSeq(node.items as Node[], branch, path, offset)
    const value = isScalar(node) ? node.value : undefined
    return admits(branch, value) ? value : add(complaint(node, branch))
  }

  function checkMap(pairs: readonly Pair<Node, Node | null>[], schema: Schema, path: Path, offset: number): unknown {
    const entries: [string, unknown][] = []
    for (const { key, value } of pairs) {
      const at = key?.range?.[0] ?? offset
      const name = isScalar(key) ? nameOfKey(key.value) : undefined
      if (name === undefined) {
        problems.add(path, at, 'a key is a word')
        continue
      }
      const own = Object.hasOwn(schema.properties ?? {}, name) ? schema.properties?.[name] : schema.additionalProperties
      const below = [...path, name]
      if (own === false || own === undefined)
        problems.add(below, at, unknownKey(name, Object.keys(schema.properties ?? {})))
      else if (value === null) problems.add(below, at, `it is empty, where ${expected(own)} is needed`)
      else entries.push([name, check(value, own, below)])
    }
    const given = new Map(entries.filter(([, value]) => value !== undefined))
    for (const name of schema.required ?? [])
      if (!given.has(name) && !problems.touch([...path, name])) problems.add(path, offset, `${name} is missing`)
    // Not by assignment: a key may be __proto__.
    return schema.required?.every(name => given.has(name)) === false ? undefined : Object.fromEntries(given)
  }

  function checkSeq(
    items: readonly Node[],
    { items: schema = {}, maxItems }: Schema,
    path: Path,
    offset: number,
  ): unknown {
    if (maxItems !== undefined && items.length > maxItems)
      problems.add(path, offset, `${items.length} entries, where at most ${maxItems} are taken`)
    const values: unknown[] = new Array(items.length)
    for (const [i, item] of items.entries()) {
      const value = check(item, schema, [...path, i])
      if (value !== undefined) values[i] = value
    }
    return values
  }
}

/** The one branch of `schema` that is for a kind; with several, one that goes by more than the kind. */
function branchFor(schema: Schema, kind: Kind): Schema | undefined {
  if (schema.anyOf === undefined) return isFor(schema, kind) ? schema : undefined
  const branches = schema.anyOf.map(branch => branchFor(branch, kind)).filter(branch => branch !== undefined)
  return branches.length > 1 ? { anyOf: branches } : branches[0]
}

function isFor({ type, enum: words, const: only }: Schema, kind: Kind): boolean {
  if (words !== undefined) return kind === 'string'
  if (only !== undefined) return kind === 'boolean'
  return type === undefined || type === kind
}

/** Whether a scalar of the right kind has a right value. */
function admits(schema: Schema, value: unknown): boolean {
  if (schema.anyOf !== undefined) return schema.anyOf.some(branch => admits(branch, value))
  if (schema.enum !== undefined) return typeof value === 'string' && schema.enum.includes(value)
  if (schema.const !== undefined) return value === schema.const
  if (typeof value === 'number') return value >= (schema.minimum ?? value) && value <= (schema.maximum ?? value)
  if (typeof value !== 'string') return true
  if (schema.format !== undefined) return parseAddress(value)?.length === (schema.format === 'ipv4' ? 4 : 16)
  return schema.pattern === undefined || new RegExp(schema.pattern, 'u').test(value)
}

function kindOf(node: Node): Kind {
  if (isAlias(node)) return 'alias'
  if (isMap(node)) return 'object'
  if (isSeq(node)) return 'array'
  const value = isScalar(node) ? node.value : undefined
  if (typeof value === 'number') return Number.isSafeInteger(value) ? 'integer' : 'number'
  return value === null || value === undefined ? 'null' : (typeof value as 'string' | 'boolean')
}

function complaint(node: Node, schema: Schema): string {
  if (isMap(node)) return `a mapping stands where ${expected(schema)} is needed`
  if (isSeq(node)) return `a list stands where ${expected(schema)} is needed`
  if (!isScalar(node) || node.value === null) return `it is empty, where ${expected(schema)} is needed`
  const source = typeof node.value === 'string' ? node.value : (node.source ?? String(node.value))
  return `${show(source)} is not ${expected(schema)}`
}

/** `'198.18.1'`, cut when long, on one line whatever is in it. */
export function show(text: string): string {
  const cut = text.length > 60 ? `${text.slice(0, 57)}...` : text
  return `'${JSON.stringify(cut).slice(1, -1).replaceAll('\\"', '"')}'`
}

/** What a schema asks for, in words. */
function expected(schema: Schema): string {
  const { type, title, minimum, maximum, anyOf, enum: words } = schema
  if (anyOf !== undefined) return [...new Set(anyOf.map(expected))].join(' or ')
  if (words !== undefined) return words.length === 1 ? String(words[0]) : `one of ${words.join(', ')}`
  if (schema.const === false) return 'false'
  if (type === 'integer') {
    const bounds = minimum === undefined || maximum === undefined ? '' : ` of ${minimum} to ${maximum}`
    return `${title ?? 'a whole number'}${bounds}`
  }
  if (type === 'object') return 'a mapping'
  if (type === 'array') return 'a list'
  return title ?? { string: 'text', boolean: 'true or false', null: 'null' }[type ?? 'null']
}

function unknownKey(name: string, known: readonly string[]): string {
  const near = nearest(name, known)
  return near === undefined ? `there is no such key, but ${known.join(', ')}` : `there is no such key: is it ${near}?`
}

function nameOfKey(key: unknown): string | undefined {
  return typeof key === 'string' || typeof key === 'number' ? String(key) : undefined
}
