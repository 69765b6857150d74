/**
 * The rules of the kernel's YNL format (Documentation/netlink/genetlink-legacy.yaml) that
 * docs/vnet_nl.yaml could break: allowed and required keys, names, types, unique numbers, and
 * references.
 */
import { list } from './list.ts'

type Yaml = Record<string, unknown>

const NAME = /^[0-9a-z-]+$/
const LENGTH = /^[0-9A-Za-z_-]+( - 1)?$/
const TYPES = list(`
  unused pad flag binary bitfield32 uint sint u8 u16 u32 u64 s8 s16 s32 s64 string nest indexed-array
  nest-type-value
`)

/** The allowed keys; a required one ends with `!`. */
const KEYS = {
  family: [
    'name!',
    'doc!',
    'protocol',
    'version',
    'definitions',
    'attribute-sets!',
    'operations!',
    'mcast-groups',
  ],
  definition: ['name!', 'type!', 'doc', 'value', 'value-start', 'entries', 'name-prefix'],
  entry: ['name!', 'value', 'doc'],
  set: ['name!', 'name-prefix', 'doc', 'attributes!'],
  attribute: list(`
    name! type! doc value enum enum-as-flags nested-attributes checks sub-type display-hint multi-attr
    byte-order
  `),
  checks: ['min', 'max', 'min-len', 'max-len', 'exact-len', 'flags-mask', 'unterminated-ok'],
  operations: ['enum-model', 'name-prefix', 'list!'],
  operation: list('name! doc! value attribute-set flags dont-validate do dump event notify mcgrp'),
  call: ['request', 'reply'],
  attributes: ['attributes'],
  groups: ['list!'],
  group: ['name!', 'flags'],
}

/** Returns the mistakes of a specification, one line each. */
export function complaints(spec: unknown): string[] {
  const found: string[] = []
  const tell = (place: string, what: string) =>
    void found.push(place === '' ? what : `${place}: ${what}`)
  const keys = (place: string, object: Yaml, kind: keyof typeof KEYS) => {
    const known = KEYS[kind].map(key => key.replace('!', ''))
    for (const key of Object.keys(object)) {
      if (!known.includes(key)) {
        tell(place, `unknown key ${key}`)
      }
    }
    for (const key of KEYS[kind]) {
      if (key.endsWith('!') && !(key.slice(0, -1) in object)) {
        tell(place, `${key.slice(0, -1)} is missing`)
      }
    }
  }
  const once = (place: string, values: readonly unknown[], what = '') => {
    for (const [i, value] of values.entries()) {
      if (values.indexOf(value) < i) {
        tell(place, `${what}${value} twice`)
      }
    }
  }
  const names = (place: string, list: readonly Yaml[]) => {
    for (const { name } of list) {
      if (!NAME.test(String(name))) {
        tell(place, `${name} is no name`)
      }
    }
    once(
      place,
      list.map(({ name }) => name),
    )
  }
  const numbers = (place: string, list: readonly Yaml[], first: number) => {
    let next = first
    const all = list.map(({ value }) => {
      const number = Number(value ?? next)
      next = number + 1
      return number
    })
    once(place, all, 'number ')
  }

  const family = spec as Yaml
  keys('', family, 'family')
  if (
    !['genetlink', 'genetlink-c', 'genetlink-legacy'].includes(
      String(family.protocol ?? 'genetlink'),
    )
  ) {
    tell('', `unknown protocol ${family.protocol}`)
  }
  // The strict format has neither.
  if (
    family.protocol !== 'genetlink-legacy' &&
    ('version' in family || !NAME.test(String(family.name)))
  ) {
    tell('', 'version, or a name with an underscore, in the strict form')
  }

  const definitions = (family.definitions ?? []) as Yaml[]
  names('definitions', definitions)
  for (const definition of definitions) {
    const place = `definitions ${definition.name}`
    keys(place, definition, 'definition')
    if (!['const', 'enum', 'flags'].includes(String(definition.type))) {
      tell(place, `unknown type ${definition.type}`)
    }
    if ((definition.type === 'const') !== 'value' in definition) {
      tell(place, 'a constant, and nothing else, has a value')
    }
    const entries = ((definition.entries ?? []) as unknown[]).map(
      entry => (typeof entry === 'string' ? { name: entry } : entry) as Yaml,
    )
    for (const entry of entries) {
      keys(`${place} ${entry.name}`, entry, 'entry')
    }
    names(place, entries)
    numbers(place, entries, Number(definition['value-start'] ?? 0))
  }
  const isDefined = (types: readonly string[], name: unknown) =>
    definitions.some(each => each.name === name && types.includes(String(each.type)))

  const sets = (family['attribute-sets'] ?? []) as Yaml[]
  names('attribute-sets', sets)
  for (const set of sets) {
    const place = `attribute-sets ${set.name}`
    keys(place, set, 'set')
    const attributes = (set.attributes ?? []) as Yaml[]
    names(place, attributes)
    numbers(place, attributes, 1)
    for (const attribute of attributes) {
      checkAttribute(`${place} ${attribute.name}`, attribute)
    }
  }

  function checkAttribute(place: string, attribute: Yaml): void {
    keys(place, attribute, 'attribute')
    const inner = attribute['nested-attributes']
    for (const type of [attribute.type, attribute['sub-type'] ?? 'u8']) {
      if (!TYPES.includes(String(type))) {
        tell(place, `unknown type ${type}`)
      }
    }
    const holds = attribute.type === 'nest' || attribute['sub-type'] === 'nest'
    if (holds && inner === undefined) {
      tell(place, 'it does not say what is nested')
    }
    if (inner !== undefined && !sets.some(({ name }) => name === inner)) {
      tell(place, `there is no set ${inner}`)
    }
    if (attribute.enum !== undefined && !isDefined(['enum', 'flags'], attribute.enum)) {
      tell(place, `there is no enum ${attribute.enum}`)
    }
    const checks = (attribute.checks ?? {}) as Yaml
    keys(`${place} checks`, checks, 'checks')
    for (const [key, length] of Object.entries(checks)) {
      if (!key.endsWith('-len') || typeof length === 'number') continue
      const name = String(length).replace(/ - 1$/, '')
      if (!LENGTH.test(String(length))) {
        tell(place, `${length} is no length`)
      } else if (!isDefined(['const'], name)) {
        tell(place, `there is no constant ${name}`)
      }
    }
  }

  const operations = (family.operations ?? {}) as Yaml
  keys('operations', operations, 'operations')
  const list = (operations.list ?? []) as Yaml[]
  names('operations', list)
  numbers('operations', list, 1)
  const groups = (family['mcast-groups'] ?? { list: [] }) as Yaml
  keys('mcast-groups', groups, 'groups')
  const groupList = (groups.list ?? []) as Yaml[]
  for (const group of groupList) {
    keys(`mcast-groups ${group.name}`, group, 'group')
  }
  names('mcast-groups', groupList)
  for (const operation of list) {
    const place = `operations ${operation.name}`
    keys(place, operation, 'operation')
    for (const flag of (operation.flags ?? []) as string[]) {
      if (!['admin-perm', 'uns-admin-perm'].includes(flag)) {
        tell(place, `unknown flag ${flag}`)
      }
    }
    const set = sets.find(({ name }) => name === operation['attribute-set'])
    if (set === undefined) {
      tell(place, `there is no set ${operation['attribute-set']}`)
    }
    const known = ((set?.attributes ?? []) as Yaml[]).map(({ name }) => name)
    const wanted = [operation.event as Yaml | undefined]
    for (const call of [operation.do, operation.dump] as (Yaml | undefined)[]) {
      if (call === undefined) continue
      keys(place, call, 'call')
      wanted.push(call.request as Yaml, call.reply as Yaml)
    }
    const missing = new Set<unknown>()
    for (const part of wanted) {
      if (part === undefined) continue
      keys(place, part, 'attributes')
      once(place, (part.attributes ?? []) as unknown[])
      for (const name of (part.attributes ?? []) as unknown[]) {
        if (!known.includes(name)) {
          missing.add(name)
        }
      }
    }
    for (const name of missing) {
      tell(place, `there is no attribute ${name}`)
    }
    const { mcgrp } = operation
    if (mcgrp !== undefined && !groupList.some(({ name }) => name === mcgrp)) {
      tell(place, `there is no group ${mcgrp}`)
    }
  }
  return found
}
