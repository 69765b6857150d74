/**
 * node scripts/check-imports.mjs [ROOT]: keeps the one-way rule of ROOT/src, one line a violation, exit 1 if any.
 *
 * header < skb < core < wire < segment < drivers: a layer imports only what is left of it; header and netlink import nothing. The
 * pure layers use no node: builtin and no package. Only the parts named below import kernel, and src never imports
 * 'vnet' by name: it would load a second copy of everything. A type-only import counts like any other. No module keeps
 * mutable state of its own (`let` or `var` at its top level).
 */

import { readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { parseAst } from 'vitest/node'

const layers = ['header', 'skb', 'core', 'wire', 'segment', 'drivers']
const folders = [...layers, 'netlink', 'kernel', 'control', 'lan', 'testing', 'cli']

/**
 * What each part of src may import: `parts` of src besides itself, `packages`, and whether `builtins` of Node. A part is
 * a folder, or a file that lies in src itself. A part not listed here is a violation: its place must be decided first.
 */
const rules = {
  ...Object.fromEntries(layers.map((layer, i) => [layer, { parts: layers.slice(0, i), packages: [] }])),
  netlink: { parts: [], packages: [] },
  kernel: { parts: ['header', 'netlink', 'skb', 'core'], packages: ['ffi-rs'], builtins: true },
  control: { parts: ['netlink', 'skb', 'core', 'kernel'], packages: ['ffi-rs'], builtins: true },
  lan: { parts: [...layers, 'kernel'], packages: ['yaml'], builtins: true },
  testing: { parts: [...layers, 'netlink', 'kernel', 'control'], packages: [], builtins: true },
  cli: { parts: [...folders, 'index.ts', 'tap.ts'], packages: ['commander'], builtins: true },
  'index.ts': { parts: layers, packages: [] },
  'tap.ts': { parts: [...layers, 'kernel', 'index.ts'], packages: [] },
  'vnet.ts': { parts: [...folders, 'index.ts', 'tap.ts'], packages: ['commander'], builtins: true },
}

/** All violations in ROOT/src, as `src/core/a.ts:3: core may not import kernel (../kernel/b.ts)`. */
export function violations(root) {
  return readdirSync(join(root, 'src'), { recursive: true })
    .filter(file => file.endsWith('.ts'))
    .sort()
    .flatMap(file => violationsIn(root, file))
}

function violationsIn(root, file) {
  const source = readFileSync(join(root, 'src', file), 'utf8')
  const at = (offset, message) => `src/${file}:${source.slice(0, offset).split('\n').length}: ${message}`
  const part = partOf(file)
  const rule = Object.hasOwn(rules, part) ? rules[part] : undefined
  if (rule === undefined)
    return [at(0, `${part} is not a known part of src: give it a rule in scripts/check-imports.mjs`)]
  const program = parseAst(source, { lang: 'ts', astType: 'ts' }, file)
  const imports = importsOf(program).map(({ specifier, start }) => {
    const complaint = complaintAbout(specifier, file, part, rule)
    return complaint && at(start, `${part} may not import ${complaint}`)
  })
  const state = program.body.map(
    node =>
      isMutable(node.declaration ?? node) && at(node.start, 'no module-level let or var: mutable state hangs on a Net'),
  )
  return [...imports, ...state].filter(Boolean)
}

const partOf = file => file.split(sep)[0]

const isMutable = node => node.type === 'VariableDeclaration' && ['let', 'var'].includes(node.kind)

/** What is wrong with importing `specifier`, or undefined; a specifier that is computed is undefined. */
function complaintAbout(specifier, file, part, rule) {
  // Drivers are loaded by a name that is known only at run time, by the parts that may import everything anyway.
  if (specifier === undefined) return rule.parts.includes('kernel') ? undefined : 'what is named only at run time'
  if (/^\.\.?(\/|$)/.test(specifier)) {
    const target = relative('src', resolve('src', dirname(file), specifier))
    if (target.startsWith('..')) return `what lies outside src (${specifier})`
    const to = partOf(target)
    return to === part || rule.parts.includes(to) ? undefined : `${to} (${specifier})`
  }
  if (isBuiltin(specifier)) return rule.builtins ? undefined : `a builtin of Node (${specifier})`
  return rule.packages.includes(specifier) ? undefined : `the package ${specifier}`
}

/** Every import, export ... from, import(), import type and import = require() in a syntax tree, wherever it stands. */
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
