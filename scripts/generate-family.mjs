/**
 * node scripts/generate-family.mjs [--check]: makes src/control/family.generated.ts of docs/vnet_nl.yaml, the specification of
 * the family in the kernel's YNL form: constants, attribute sets, and policies of requests and replies, of which the
 * types come. With --check nothing is written, and a file that is not what this makes is exit code 1.
 *
 * What the specification says and the codec cannot do is an error here, so that no rule in it goes unkept.
 */

import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseDocument } from 'yaml'
import { tool } from './setup/command.mjs'

const root = resolve(import.meta.dirname, '..')
const specification = join(root, 'docs/vnet_nl.yaml')
const generated = join(root, 'src/control/family.generated.ts')

/** The scalar types that the codec has by the same name. */
const SCALARS = ['u8', 'u16', 'u32', 's32', 'u64', 'flag']

/** The module that a specification makes, formatted. Throws what keeps it from being one. */
export function familySource(text) {
  const document = parseDocument(text)
  if (document.errors.length > 0) throw document.errors[0]
  const spec = document.toJS()
  // As it is written there, in hexadecimal perhaps.
  for (const [i, definition] of (spec.definitions ?? []).entries()) {
    if (definition.type === 'const') definition.value = document.getIn(['definitions', i, 'value'], true).source
  }
  const sets = new Map(spec['attribute-sets'].map(set => [set.name, set]))
  const definitions = new Map((spec.definitions ?? []).map(definition => [definition.name, definition]))
  const chunks = [
    comment(`${spec.doc}\n\nMade by scripts/generate-family.mjs of docs/vnet_nl.yaml: change that, and run it.`),
    `import { ${importsOf(spec).join(', ')} } from '../netlink/index.ts'\n`,
    familyConstants(spec),
    ...[...definitions.values()].map(definitionConstants),
    operationConstants(spec),
    ...nestedFirst(sets).map(set => attributeSet(set, sets, definitions)),
    ...spec.operations.list.map(operation => operationPolicies(operation, sets)),
  ]
  return format(chunks.join('\n'))
}

function familyConstants({ name, version = 1, 'mcast-groups': groups }) {
  return [
    constant('VNET_GENL_NAME', `'${name}'`),
    constant('VNET_GENL_VERSION', version),
    ...(groups?.list ?? []).map(({ name }) => constant(`VNET_MCGRP_${upper(name)}_NAME`, `'${name}'`)),
  ].join('')
}

function definitionConstants(definition) {
  const { name, type, doc, value, entries, 'name-prefix': prefix = `vnet-${name}-` } = definition
  if (type === 'const') return constant(`VNET_${upper(name)}`, value, doc)
  const values = numbered(entries, definition['value-start'] ?? 0)
  const constants = values.map(entry =>
    constant(upper(prefix + entry.name), type === 'flags' ? 2 ** entry.value : entry.value, entry.doc),
  )
  const names = values.map(entry => `${camel(entry.name)}: ${upper(prefix + entry.name)}`)
  const byName = type === 'enum' ? `export const ${camel(name)}Numbers = {${names.join(', ')}} as const\n` : ''
  return `// ${oneLine(doc ?? name)}\n${constants.join('')}${byName}`
}

function operationConstants({ operations }) {
  const { list, 'name-prefix': prefix } = operations
  return numbered(list, 1)
    .map(({ name, value, doc }) => constant(upper(prefix + name), value, doc))
    .join('')
}

/** The numbers of a set's attributes, and the set as fields of a policy; where it is nested, the policy too. */
function attributeSet(set, sets, definitions) {
  const prefix = set['name-prefix'] ?? `vnet-${set.name}-attr-`
  const attributes = numbered(set.attributes, 1)
  const constants = attributes.map(({ name, value, doc }) => constant(upper(prefix + name), value, doc))
  const max = Math.max(...attributes.map(({ value }) => value))
  const fields = attributes.map(
    attribute => `  ${camel(attribute.name)}: ${field(attribute, upper(prefix + attribute.name), definitions)},\n`,
  )
  const isNested = [...sets.values()].some(({ attributes }) =>
    attributes.some(each => each['nested-attributes'] === set.name),
  )
  return [
    ...constants,
    constant(upper(`${prefix}max`), max),
    `\n${comment(set.doc)}export const ${camel(set.name)}Attributes = {\n${fields.join('')}}\n`,
    ...(isNested ? [`export const ${camel(set.name)}Policy = policy(${camel(set.name)}Attributes)\n`] : []),
  ].join('')
}

function field(attribute, type, definitions) {
  const { name, checks = {}, 'nested-attributes': inner } = attribute
  const unknown = keys => {
    const found = Object.keys(checks).find(key => !keys.includes(key))
    if (found !== undefined || attribute['multi-attr']) throw new Error(`${name}: ${found ?? 'multi-attr'} is not kept`)
  }
  const lengths = keys => keys.map(key => (checks[key] === undefined ? '' : lengthOf(checks[key], definitions)))
  if (attribute.type === 'string') {
    unknown(['max-len'])
    return call(codecOf(attribute), type, lengths(['max-len']))
  }
  if (attribute.type === 'binary') {
    unknown(['min-len', 'max-len', 'exact-len'])
    const exact = lengths(['exact-len'])[0]
    return call('binary', type, exact === '' ? lengths(['min-len', 'max-len']) : [exact, exact])
  }
  unknown([])
  if (SCALARS.includes(attribute.type)) return call(attribute.type, type, [])
  if (attribute.type === 'nest') return call('nested', type, [`${camel(inner)}Policy`])
  if (attribute.type === 'indexed-array' && attribute['sub-type'] === 'nest') {
    return call('indexedArray', type, [`${camel(inner)}Policy`])
  }
  throw new Error(`${name}: the codec has no type ${attribute.type}`)
}

/** An interface's name is any bytes; other strings are UTF-8. */
function codecOf({ name, type }) {
  if (name === 'ifname') return 'name'
  return { nest: 'nested', 'indexed-array': 'indexedArray' }[type] ?? type
}

/** A length as TypeScript: a number, or a constant of the specification. */
function lengthOf(length, definitions) {
  if (typeof length === 'number') return `${length}`
  if (definitions.get(length)?.type !== 'const') throw new Error(`${length}: there is no such constant`)
  return `VNET_${upper(length)}`
}

function operationPolicies(operation, sets) {
  const { name, doc, event } = operation
  const [request, reply] = ['request', 'reply'].map(part => {
    const names = [operation.do, operation.dump].flatMap(each => each?.[part]?.attributes ?? [])
    return [...new Set([...names, ...((part === 'reply' && event?.attributes) || [])])]
  })
  const set = sets.get(operation['attribute-set'])
  const pick = names => {
    const missing = names.find(each => !set.attributes.some(attribute => attribute.name === each))
    if (missing !== undefined) throw new Error(`${name}: there is no attribute ${missing} in ${set.name}`)
    return `{${names.map(each => `${camel(each)}: ${camel(set.name)}Attributes.${camel(each)}`).join(', ')}}`
  }
  const hasRequest = operation.do ?? operation.dump
  return [
    ...(hasRequest
      ? [`${comment(doc)}export const ${camel(name)}Request = policy(${pick(request)}, { strict: true })\n`]
      : []),
    ...(reply.length > 0 ? [`export const ${camel(name)}Reply = policy(${pick(reply)})\n`] : []),
  ].join('')
}

function importsOf(spec) {
  const codecs = spec['attribute-sets'].flatMap(({ attributes }) => attributes.map(codecOf))
  const order = new Intl.Collator('en', { numeric: true })
  return [...new Set(['policy', ...codecs])].sort(order.compare)
}

/** The sets, each after those that it holds. */
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
  for (const set of sets.values()) visit(set)
  return [...done]
}

/** Entries with their values: one more than the one before, where none is named. */
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
const camel = name => name.replace(/-(.)/g, (_, letter) => letter.toUpperCase())
const constant = (name, value, doc) => `${comment(doc)}export const ${name} = ${value}\n`

/** A docstring of lines that fit, its paragraphs kept; nothing where there is no text. */
function comment(doc) {
  if (doc === undefined) return ''
  const paragraphs = doc.trim().split(/\n\n+/).map(oneLine)
  if (paragraphs.length === 1 && paragraphs[0].length <= 113) return `/** ${paragraphs[0]} */\n`
  const lines = paragraphs.flatMap((text, i) => [...(i === 0 ? [] : ['']), ...text.match(/.{1,117}(?: |$)/g)])
  return `/**\n${lines.map(line => ` * ${line}`.trimEnd()).join('\n')}\n */\n`
}

/** `name(TYPE, ...args)`, of which empty ones at the end are left out, and others are the least there is. */
function call(name, type, args) {
  const given = args.slice(0, args.findLastIndex(arg => arg !== '') + 1).map(arg => arg || '0')
  return `${name}(${[type, ...given].join(', ')})`
}

function format(source) {
  const [program, ...args] = tool('biome')
  const { status, stdout, stderr } = spawnSync(program, [...args, 'format', `--stdin-file-path=${generated}`], {
    cwd: root,
    input: source,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`biome: ${stderr}`)
  return stdout
}

if (process.argv[1] === import.meta.filename) {
  const source = familySource(readFileSync(specification, 'utf8'))
  if (process.argv[2] !== '--check') writeFileSync(generated, source)
  else if (readFileSync(generated, 'utf8') !== source) {
    console.error(
      'src/control/family.generated.ts is not what docs/vnet_nl.yaml makes: node scripts/generate-family.mjs',
    )
    process.exitCode = 1
  }
}
