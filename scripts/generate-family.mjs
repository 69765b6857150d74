/**
 * npm run generate: generates src/control/protocol/family.generated.ts from docs/vnet_nl.yaml, the
 * specification of the family in the kernel's YNL format: constants, attribute sets, and the
 * commands with the policies of their requests and replies. src/control/protocol/presence.yaml says
 * which attributes these must have. TypeScript derives the types from both.
 *
 * A rule of the specification that the codec cannot enforce is an error.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parse, parseDocument } from 'yaml'
import { formatted } from './formatted.mjs'

const root = resolve(import.meta.dirname, '..')
const specification = join(root, 'docs/vnet_nl.yaml')
const presence = join(root, 'src/control/protocol/presence.yaml')
const generated = join(root, 'src/control/protocol/family.generated.ts')

/** The codecs of src/control/protocol/codec.ts. */
const OURS = ['count', 'bool', 'oneOf', 'flags', 'mac', 'address']

/** The scalar types that the codec has by the same name. */
const SCALARS = ['u8', 'u16', 'u32', 's32', 'flag']

/** Returns a specification of YAML, in which numbers of constants keep their notation as texts. */
export function specificationOf(text) {
  const document = parseDocument(text)
  if (document.errors.length > 0) throw document.errors[0]
  const spec = document.toJS()
  // The notation may be hexadecimal.
  for (const [i, definition] of (spec.definitions ?? []).entries()) {
    if (definition.type === 'const') {
      definition.value = document.getIn(['definitions', i, 'value'], true).source
    }
  }
  return spec
}

/**
 * Returns the module for a specification, and for the presence of its attributes. Throws if one of
 * them is invalid.
 */
export function familySource(spec, present) {
  const sets = new Map(spec['attribute-sets'].map(set => [set.name, set]))
  const definitions = new Map(
    (spec.definitions ?? []).map(definition => [definition.name, definition]),
  )
  checkNames(present, sets, spec.operations.list)
  const attributes = [...sets.values()].flatMap(set => set.attributes)
  const used = attributes.map(attribute => codecOf(attribute, definitions))
  const bases = attributes.filter((_, i) => used[i] === 'oneOf').map(({ type }) => type)
  const chunks = [
    comment(
      `${spec.doc}\n\nGenerated from docs/vnet_nl.yaml and presence.yaml: edit these files, then \`npm run generate\`.`,
    ),
    importOf(
      [
        'policy',
        'required',
        'withDefault',
        ...used.filter(codec => !OURS.includes(codec)),
        ...bases,
      ],
      '../../netlink/index.ts',
    ) + importOf(['strict', ...used.filter(codec => OURS.includes(codec))], './codec.ts'),
    familyConstants(spec),
    ...[...definitions.values()].map(definitionConstants),
    ...nestedFirst(sets).map(set => attributeSet(set, sets, definitions, present.sets)),
    commands(spec, sets, present),
  ]
  return chunks.join('\n')
}

function familyConstants({ name, version = 1, 'mcast-groups': groups }) {
  return [
    constant('VNET_GENL_NAME', `'${name}'`),
    constant('VNET_GENL_VERSION', version),
    ...(groups?.list ?? []).map(({ name }) =>
      constant(`VNET_MCGRP_${upper(name)}_NAME`, `'${name}'`),
    ),
  ].join('')
}

/** A constant, or the numbers of an enum or of flags by their names. */
function definitionConstants({ name, type, doc, value, entries, 'value-start': first = 0 }) {
  if (type === 'const') return constant(`VNET_${upper(name)}`, value, doc)
  const numbers = numbered(entries, first).map(
    entry =>
      `${comment(entry.doc)}${key(entry.name)}: ${type === 'flags' ? 2 ** entry.value : entry.value},`,
  )
  return `${comment(doc)}export const ${camel(name)}Numbers = {${numbers.join('\n')}} as const\n`
}

/**
 * A set: a policy if another set nests it, and otherwise the fields from which policies are made.
 */
function attributeSet(set, sets, definitions, present) {
  const wrap = wrapperOf(set.attributes, present[set.name])
  const fields = numbered(set.attributes, 1).map(
    attribute =>
      `${comment(attribute.doc)}${camel(attribute.name)}: ${wrap(attribute.name, field(attribute, definitions))},`,
  )
  const all = `{${fields.join('\n')}}`
  const isNested = [...sets.values()].some(({ attributes }) =>
    attributes.some(each => each['nested-attributes'] === set.name),
  )
  return [
    `${comment(set.doc)}export const ${camel(set.name)}`,
    isNested ? `Policy = policy(${all})\n` : `Attributes = ${all}\n`,
    ...(!isNested && WHICH.every(name => set.attributes.some(each => each.name === name))
      ? [`const which = ${pick(set, WHICH)}\n`]
      : []),
  ].join('')
}

/** Throws for sets, commands and attributes of presence.yaml that the specification lacks. */
function checkNames({ sets: present, requests, replies }, sets, list) {
  const known = new Map(
    list.map(operation => [operation.name, sets.get(operation['attribute-set'])]),
  )
  const parts = [
    [present, sets],
    [requests, known],
    [replies, known],
  ]
  for (const [part, owners] of parts) {
    for (const [name, { required = [], optional = [], default: absent = {} }] of Object.entries(
      part,
    )) {
      const attributes = owners.get(name)?.attributes
      if (attributes === undefined) {
        throw new Error(`presence of ${name}: there is no such set or command`)
      }
      const names = [required === 'all' ? [] : required, optional, Object.keys(absent)].flat()
      const unknown = names.find(each => !attributes.some(attribute => attribute.name === each))
      if (unknown !== undefined) {
        throw new Error(`presence of ${name}: there is no attribute ${unknown}`)
      }
    }
  }
}

/**
 * Returns a function that makes the field of an attribute required, or gives it its default, as
 * presence.yaml has it for these attributes.
 */
function wrapperOf(
  attributes,
  { required = [], optional = [], counts, default: absent = {} } = {},
) {
  const typeOf = name => attributes.find(attribute => attribute.name === name).type
  const isRequired = name =>
    required === 'all'
      ? !optional.includes(name) && typeOf(name) !== 'flag'
      : required.includes(name)
  const countOf = name =>
    typeOf(name) === 'u64' && !isRequired(name) && !optional.includes(name) ? counts : undefined
  return (name, made) => {
    const value = typeof absent === 'object' ? (absent[name] ?? countOf(name)) : absent
    if (value !== undefined) {
      return `withDefault(${made}, ${typeof value === 'number' ? value : JSON.stringify(value)})`
    }
    return isRequired(name) ? `required(${made})` : made
  }
}

/** The attributes that name a device. */
const WHICH = ['ifindex', 'ifname', 'netns']

/** Returns the call of the codec that an attribute needs. */
function field(attribute, definitions) {
  const { name, value, type, checks = {}, enum: of, 'nested-attributes': inner } = attribute
  const keeps = (...keys) => {
    const found = Object.keys(checks).find(key => !keys.includes(key))
    if (found !== undefined || attribute['multi-attr']) {
      throw new Error(`${name}: ${found ?? 'multi-attr'} is not kept`)
    }
    return keys.map(key => (checks[key] === undefined ? '' : lengthOf(checks[key], definitions)))
  }
  const codec = codecOf(attribute, definitions)
  if (codec === 'string' || codec === 'name') return call(codec, value, keeps('max-len'))
  if (codec === 'mac' || codec === 'address') {
    return call(codec, value, keeps('min-len', 'max-len', 'exact-len').slice(3))
  }
  if (codec === 'binary') {
    const [min, max, exact] = keeps('min-len', 'max-len', 'exact-len')
    return call(codec, value, exact === '' ? [min, max] : [exact, exact])
  }
  if (codec === 'bool') return keeps('max') && call(codec, value, [])
  keeps()
  if (codec === 'flags') return call(codec, value, [flagsOf(definitions.get(of))])
  if (codec === 'oneOf') return `oneOf(${type}(${value}), '${of}', ${camel(of)}Numbers)`
  return call(codec, value, inner === undefined ? [] : [`${camel(inner)}Policy`])
}

/** The codec of an attribute: netlink's own, or one of src/control/protocol/codec.ts. */
function codecOf(attribute, definitions) {
  const { name, type, checks = {}, enum: of, 'display-hint': hint } = attribute
  // An interface's name is any bytes; other strings are UTF-8.
  if (type === 'string') return name === 'ifname' ? 'name' : 'string'
  if (type === 'binary') return { mac: 'mac', 'ipv4-or-v6': 'address' }[hint] ?? 'binary'
  if (type === 'u64') return 'count'
  if (type === 'u8' && checks.max === 1) return 'bool'
  if (of !== undefined && (attribute['enum-as-flags'] || definitions.get(of).type === 'flags')) {
    return 'flags'
  }
  if (of !== undefined) return 'oneOf'
  if (SCALARS.includes(type)) return type
  if (type === 'nest') return 'nested'
  if (type === 'indexed-array' && attribute['sub-type'] === 'nest') return 'indexedArray'
  throw new Error(`${name}: the codec has no type ${type}`)
}

/** The sum of all flags of an enum or of flags. */
function flagsOf({ entries, 'value-start': first = 0 }) {
  const mask = numbered(entries, first).reduce((sum, { value }) => sum + 2 ** value, 0)
  return `0x${mask.toString(16)}`
}

/** A length: a number, or a constant of the specification. */
function lengthOf(length, definitions) {
  if (typeof length === 'number') return `${length}`
  if (definitions.get(length)?.type !== 'const') {
    throw new Error(`${length}: there is no such constant`)
  }
  return `VNET_${upper(length)}`
}

/** The commands by name, each with the policies of its request and its reply. */
function commands({ operations: { list } }, sets, present) {
  return `export const commands = {${numbered(list, 1)
    .map(operation => command(operation, sets, present))
    .join('')}}\n`
}

function command(operation, sets, { requests, replies }) {
  const { name, value, doc, event, flags = [] } = operation
  const [request, reply] = ['request', 'reply'].map(part => {
    const names = [operation.do, operation.dump].flatMap(each => each?.[part]?.attributes ?? [])
    return [...new Set([...names, ...((part === 'reply' && event?.attributes) || [])])]
  })
  const set = sets.get(operation['attribute-set'])
  const missing = [...request, ...reply].find(
    each => !set.attributes.some(attribute => attribute.name === each),
  )
  if (missing !== undefined) {
    throw new Error(`${name}: there is no attribute ${missing} in ${set.name}`)
  }
  const prefix = `${name.replace(/^[gs]et-/, '')}-`
  const parts = [
    `name: '${upper(name)}', cmd: ${value}`,
    ...(flags.includes('admin-perm') ? ['changes: true'] : []),
    ...((operation.do ?? operation.dump)
      ? [`request: strict(${pick(set, request, prefix, requests[name])})`]
      : []),
    ...(reply.length > 0 ? [`reply: policy(${pick(set, reply, prefix, replies[name])})`] : []),
  ]
  return `${comment(doc)}${camel(name)}: {${parts.join(',')}},\n`
}

/**
 * Returns attributes of a set as the fields of a policy, without the prefix that they share with
 * the command: PARAM_VALUE is `value` in SET_PARAM.
 */
function pick(set, names, prefix, present) {
  const wrap = wrapperOf(set.attributes, present)
  const isPlaced =
    prefix !== undefined && WHICH.every(name => names.includes(name) && wrap(name, '') === '')
  const fields = names
    .filter(name => !isPlaced || !WHICH.includes(name))
    .map(name => {
      const own = camel(name.startsWith(prefix) ? name.slice(prefix.length) : name)
      return `${own}: ${wrap(name, `${camel(set.name)}Attributes.${camel(name)}`)}`
    })
  return `{${[...(isPlaced ? ['...which'] : []), ...fields].join(', ')}}`
}

/** The import of some codecs from a module. */
function importOf(codecs, module) {
  const order = new Intl.Collator('en', { numeric: true })
  return `import { ${[...new Set(codecs)].sort(order.compare).join(', ')} } from '${module}'\n`
}

/** Orders the sets so that each is after the sets that it nests. */
function nestedFirst(sets) {
  const done = new Set()
  const visit = set => {
    for (const { 'nested-attributes': inner } of set.attributes) {
      if (inner === undefined) continue
      if (!sets.has(inner)) throw new Error(`there is no attribute set ${inner}`)
      visit(sets.get(inner))
    }
    done.add(set)
  }
  for (const set of sets.values()) {
    visit(set)
  }
  return [...done]
}

/** Entries with their values; the default is the previous value plus 1. */
function numbered(entries, first) {
  let next = first
  return entries.map(entry => {
    const named = typeof entry === 'string' ? { name: entry } : entry
    const value = named.value ?? next
    next = value + 1
    return { ...named, value }
  })
}

const oneLine = text => text.trim().replace(/\s+/g, ' ')
const upper = name => name.toUpperCase().replaceAll('-', '_')
const key = name => (name.includes('-') ? `'${name}'` : name)
const camel = name => name.replace(/-(.)/g, (_, letter) => letter.toUpperCase())
const constant = (name, value, doc) => `${comment(doc)}export const ${name} = ${value}\n`

/** Returns a docstring of at most 100 columns; empty without a text. */
function comment(doc) {
  if (doc === undefined) return ''
  const paragraphs = doc.trim().split(/\n\n+/).map(oneLine)
  if (paragraphs.length === 1 && paragraphs[0].length <= 91) return `/** ${paragraphs[0]} */\n`
  const lines = paragraphs.flatMap((text, i) => [
    ...(i === 0 ? [] : ['']),
    ...text.match(/.{1,95}(?: |$)/g),
  ])
  return `/**\n${lines.map(line => ` * ${line}`.trimEnd()).join('\n')}\n */\n`
}

/** `name(TYPE, ...args)`: empty arguments are left out at the end, and 0 before. */
function call(name, type, args) {
  const given = args.slice(0, args.findLastIndex(arg => arg !== '') + 1).map(arg => arg || '0')
  return `${name}(${[type, ...given].join(', ')})`
}

if (process.argv[1] === import.meta.filename) {
  const spec = specificationOf(readFileSync(specification, 'utf8'))
  writeFileSync(
    generated,
    formatted(familySource(spec, parse(readFileSync(presence, 'utf8'))), generated),
  )
}
