/** Compares the nodes of a YAML document with a schema, and makes the plain value of them. */

import { isAlias, isMap, isScalar, isSeq, type Node, type Pair, type YAMLMap } from 'yaml'
import { networkOf, parseAddress, parsePrefix } from '../packet/address.ts'
import type { Problems } from './problems.ts'
import type { Schema } from './schema.ts'

const KINDS = { array: 'a list', string: 'text', boolean: 'true or false', null: 'null' }

/**
 * Returns the value of `node`, and records the position of each of its parts in `problems.places`.
 * Parts that do not match `schema` are reported to `problems`: the value must not be used then.
 * `node` is at `path` of the file, an empty value at `offset`.
 */
export function validate(node: unknown, schema: Schema, problems: Problems, path = '', offset = 0): unknown {
  const at = (node as Node | null)?.range?.[0] ?? offset
  problems.places.set(path, at)
  const branch = (schema.anyOf ?? [schema]).find(each => accepts(each, node))
  if (branch === undefined) problems.add(path, `expected ${expected(schema)}, got ${found(node)}`)
  else if (isMap(node)) return mapping(node as YAMLMap<Node, unknown>, branch, problems, path, at)
  else if (isSeq(node)) {
    const { items = {}, maxItems = Number.POSITIVE_INFINITY } = branch
    const { length } = node.items
    if (length > maxItems) problems.add(path, `expected at most ${maxItems} entries, got ${length}`)
    return node.items.map((item, i) => validate(item, items, problems, `${path}[${i}]`, at))
  }
  return isScalar(node) ? node.value : undefined
}

function mapping(map: YAMLMap<Node, unknown>, schema: Schema, problems: Problems, path: string, at: number): object {
  const { properties = {}, required = [], additionalProperties, propertyNames } = schema
  const entry = ({ key, value }: Pair<Node, unknown>): [string, unknown][] => {
    const name = String(isScalar(key) ? key.value : key)
    const below = path === '' ? name : `${path}.${name}`
    const offset = key.range?.[0] ?? at
    if (propertyNames !== undefined) validate(key, propertyNames, problems, below, offset)
    const own = Object.hasOwn(properties, name) ? properties[name] : additionalProperties
    if (own) return [[name, validate(value, own, problems, below, offset)]]
    problems.add(below, `unknown key (known: ${Object.keys(properties).join(', ')})`, offset)
    return []
  }
  const entries = map.items.flatMap(entry)
  for (const name of required) if (!map.has(name)) problems.add(path, `${name} is missing`)
  // Assigning the key __proto__ would set the prototype.
  return Object.fromEntries(entries)
}

/** Whether a mapping or list may be where `node` is; of a scalar, whether its value is valid. */
function accepts(schema: Schema, node: unknown): boolean {
  if (schema.anyOf !== undefined) return schema.anyOf.some(each => accepts(each, node))
  if (isMap(node)) return schema.type === 'object'
  if (isSeq(node)) return schema.type === 'array'
  if (!isScalar(node)) return false
  const { value } = node
  if (schema.enum !== undefined) return schema.enum.some(each => each === value)
  if (schema.type === 'null') return value === null
  if (schema.type === 'boolean') return typeof value === 'boolean'
  if (schema.type === 'string') return typeof value === 'string' && isText(schema, value)
  if (schema.type !== 'integer' || typeof value !== 'number' || !Number.isSafeInteger(value)) return false
  return value >= (schema.minimum ?? value) && value <= (schema.maximum ?? value)
}

function isText({ format, pattern, maxLength = Number.POSITIVE_INFINITY }: Schema, value: string): boolean {
  if (format === 'ipv4' || format === 'ipv6') return parseAddress(value)?.length === (format === 'ipv4' ? 4 : 16)
  if (format === 'cidr4') return isNetwork(value, 4, [8, 30])
  if (format === 'cidr6') return isNetwork(value, 16, [3, 120])
  return value.length <= maxLength && (pattern === undefined || new RegExp(pattern, 'u').test(value))
}

function isNetwork(text: string, length: number, [min, max]: readonly [number, number]): boolean {
  const prefix = parsePrefix(text)
  if (prefix?.bytes.length !== length || prefix.prefixLen < min || prefix.prefixLen > max) return false
  return Buffer.compare(prefix.bytes, networkOf(prefix)) === 0
}

/** The values that a schema admits, in words. */
function expected({ type = 'null', title, minimum, maximum, anyOf, enum: values }: Schema): string {
  if (anyOf !== undefined) return [...new Set(anyOf.map(expected))].join(' or ')
  if (values !== undefined) return values.join(', ')
  if (type === 'object') return 'a mapping'
  if (type !== 'integer') return title ?? KINDS[type]
  return `${title ?? 'a whole number'}${minimum === undefined ? '' : ` from ${minimum} to ${maximum}`}`
}

/** A node in words: a scalar as written, in quotes, cut after 60 characters. */
function found(node: unknown): string {
  if (isMap(node)) return 'a mapping'
  if (isSeq(node)) return 'a list'
  if (isAlias(node)) return 'an alias'
  if (!isScalar(node) || node.value === null) return 'nothing'
  const source = typeof node.value === 'string' ? node.value : (node.source ?? String(node.value))
  const cut = source.length > 60 ? `${source.slice(0, 57)}...` : source
  return `'${JSON.stringify(cut).slice(1, -1).replaceAll('\\"', '"')}'`
}
