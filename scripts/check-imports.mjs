/**
 * node scripts/check-imports.mjs [ROOT]: checks the one-way rule of ROOT/src, prints one line per
 * violation, exits 1 if there is one.
 *
 * base < packet < skb < netdev < wire, capture < lan < drivers: a room imports only rooms below it.
 * All rooms may import base; base, packet and netlink import nothing else. The pure rooms use no
 * builtin of Node and no package. Only the rooms named below import linux, and src never imports
 * 'vnet' by name, because that would load a second copy of everything. A type-only import counts
 * like any other. No module keeps mutable state (`let` or `var` at its top level).
 */

import { readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { parseAst } from 'vitest/node'

const framework = ['packet', 'skb', 'netdev']
const lan = [
  'lan/switch',
  'lan/machines',
  'lan/services',
  'lan/services/dhcp',
  'lan/config',
  'lan/port',
  'lan/uplink',
  'lan',
]
const control = ['control/protocol', 'control/server', 'control/client', 'control']
const folders = [
  ...framework,
  'wire',
  'capture',
  'drivers',
  ...lan,
  'netlink',
  'linux',
  ...control,
  'http',
  'metrics',
  'web',
  'exec',
  'testing',
  'course',
  'cli',
]

/**
 * What each room may import: `rooms` besides itself, `packages`, and whether `builtins` of Node. A
 * room is a folder of src, a folder or file in it that has a rule of its own, or a file in src
 * itself. A room not listed here is a violation: its place must be decided first.
 */
const rules = {
  base: { rooms: [] },
  packet: { rooms: [] },
  netlink: { rooms: [] },
  yaml: { rooms: ['packet', 'netdev'], packages: ['yaml'] },
  skb: { rooms: ['packet'] },
  netdev: { rooms: ['packet', 'skb'] },
  wire: { rooms: framework },
  capture: { rooms: framework },
  drivers: { rooms: [...framework, 'wire', 'lan/switch', 'lan/machines'] },
  linux: { rooms: [...framework, 'capture', 'netlink', 'yaml'], packages: ['ffi-rs'], builtins: true },
  'lan/switch': { rooms: framework },
  'lan/machines': { rooms: [...framework, 'lan/switch'] },
  'lan/services/dhcp': { rooms: framework },
  'lan/services': { rooms: [...framework, 'linux', 'lan/switch', 'lan/machines', 'lan/services/dhcp'], builtins: true },
  'lan/config': {
    rooms: [...framework, 'yaml', 'lan/machines', 'lan/services', 'lan/services/dhcp'],
    packages: ['yaml'],
    builtins: true,
  },
  'lan/port': { rooms: [...framework, 'wire', 'lan/switch'], builtins: true },
  'lan/uplink': { rooms: [...framework, 'linux', 'lan/switch'], builtins: true },
  lan: { rooms: [...framework, 'wire', 'linux', ...lan], builtins: true },
  'control/protocol': { rooms: ['packet', 'netlink', 'netdev', 'linux'], builtins: true },
  'control/server': {
    rooms: [...framework, 'capture', 'netlink', 'linux', 'control/protocol', 'lan/switch'],
    builtins: true,
  },
  'control/client': {
    rooms: ['packet', 'netlink', 'netdev', 'wire', 'linux', 'control/protocol', 'lan/switch'],
    builtins: true,
  },
  control: { rooms: ['netlink', 'skb', 'netdev', 'linux', ...control, 'lan/switch'], builtins: true },
  // It runs in a browser: src/web/files.ts serves what it imports. From web it imports types alone.
  'web/page': { rooms: ['web', 'packet', 'capture'], packages: ['uplot'] },
  web: {
    rooms: [...framework, 'wire', 'capture', 'linux', ...control, 'http', 'metrics', 'yaml'],
    packages: ['uplot'],
    builtins: true,
  },
  http: { rooms: ['netdev', 'control/protocol'], builtins: true },
  metrics: { rooms: ['netdev', 'control', 'http'], packages: ['prom-client'], builtins: true },
  exec: { rooms: ['netlink', 'netdev', 'linux', 'control/protocol', 'control/client'], builtins: true },
  testing: {
    rooms: [...framework, 'wire', 'capture', 'drivers', 'netlink', 'linux', ...lan, ...control],
    packages: ['undici'],
    builtins: true,
  },
  course: { rooms: [...framework, 'linux', 'testing'], builtins: true },
  cli: { rooms: [...folders, 'yaml', 'index.ts', 'tap.ts'], packages: ['commander'], builtins: true },
  'index.ts': { rooms: [...framework, 'wire', 'drivers', 'lan/switch', 'lan/machines'] },
  'wire.ts': { rooms: [...framework, 'wire', 'drivers', 'linux'] },
  'capture.ts': { rooms: [...framework, 'capture', 'linux', 'wire.ts'] },
  'tap.ts': { rooms: [...framework, 'linux', 'index.ts'] },
  'vitest.ts': { rooms: ['netdev', 'testing'], packages: ['vitest'], builtins: true },
  'vnet.ts': { rooms: [...folders, 'index.ts', 'tap.ts'], packages: ['commander'], builtins: true },
}

/**
 * All violations in ROOT/src, as `src/netdev/a.ts:3: netdev may not import linux (../linux/b.ts)`.
 */
export function violations(root) {
  return readdirSync(join(root, 'src'), { recursive: true })
    .filter(file => file.endsWith('.ts'))
    .sort()
    .flatMap(file => violationsIn(root, file))
}

function violationsIn(root, file) {
  const source = readFileSync(join(root, 'src', file), 'utf8')
  const at = (offset, message) => `src/${file}:${source.slice(0, offset).split('\n').length}: ${message}`
  const room = roomOf(file)
  const rule = Object.hasOwn(rules, room) ? rules[room] : undefined
  if (rule === undefined)
    return [at(0, `${room} is not a known room of src: give it a rule in scripts/check-imports.mjs`)]
  const program = parseAst(source, { lang: 'ts', astType: 'ts' }, file)
  const imports = importsOf(program).map(({ specifier, start }) => {
    const complaint = complaintAbout(specifier, file, room, rule)
    return complaint && at(start, `${room} may not import ${complaint}`)
  })
  const state = program.body.map(
    node =>
      isMutable(node.declaration ?? node) && at(node.start, 'no module-level let or var: mutable state hangs on a Net'),
  )
  return [...imports, ...state].filter(Boolean)
}

/** The deepest folder above `file` that has a rule, else its first folder. */
function roomOf(file) {
  const names = file.split(sep)
  const above = names.map((_, i) => names.slice(0, i + 1).join('/'))
  return above.findLast(name => Object.hasOwn(rules, name)) ?? names[0]
}

const isMutable = node => node.type === 'VariableDeclaration' && ['let', 'var'].includes(node.kind)

/** Returns why `specifier` may not be imported, or undefined. A computed specifier is undefined. */
function complaintAbout(specifier, file, room, rule) {
  // Drivers are loaded by computed names, only in rooms that may import everything.
  if (specifier === undefined) return rule.rooms.includes('linux') ? undefined : 'what is named only at run time'
  if (/^\.\.?(\/|$)/.test(specifier)) {
    const target = relative('src', resolve('src', dirname(file), specifier))
    if (target.startsWith('..')) return `what lies outside src (${specifier})`
    const to = roomOf(target)
    return to === room || to === 'base' || rule.rooms.includes(to) ? undefined : `${to} (${specifier})`
  }
  if (isBuiltin(specifier)) return rule.builtins ? undefined : `a builtin of Node (${specifier})`
  return rule.packages?.includes(specifier) ? undefined : `the package ${specifier}`
}

/**
 * Every import, export ... from, import(), import type and import = require() in a syntax tree,
 * wherever it stands.
 */
function importsOf(node) {
  if (Array.isArray(node)) return node.flatMap(importsOf)
  if (node === null || typeof node !== 'object') return []
  const inside = Object.values(node).flatMap(importsOf)
  const from = importedBy(node)
  return from ? [{ specifier: textOf(from), start: node.start }, ...inside] : inside
}

const importing = [
  'ImportDeclaration',
  'ExportAllDeclaration',
  'ExportNamedDeclaration',
  'ImportExpression',
  'TSImportType',
]

const importedBy = node =>
  importing.includes(node.type) ? node.source : node.type === 'TSExternalModuleReference' && node.expression

const textOf = node =>
  node.type === 'TemplateLiteral' && node.expressions.length === 0 ? node.quasis[0].value.cooked : node.value

if (process.argv[1] === import.meta.filename) {
  const found = violations(resolve(process.argv[2] ?? '.'))
  for (const violation of found) console.error(violation)
  process.exitCode = found.length > 0 ? 1 : 0
}
