/**
 * node scripts/check-imports.mjs [ROOT]: checks the imports of ROOT/src and ROOT/packages, prints
 * one line per violation, exits 1 if there is one. With --drawing TREE, such as packages/lab/src,
 * it prints the arrows between the folders of TREE, of which the files at its top are one, and
 * marks the arrows that run up.
 *
 * The rooms have one order, that of scripts/rooms.mjs: a room imports only from rooms before it.
 * The last are the rooms of products, which import the core but not each other, except as `uses`
 * says. A product imports the core and other products through doors (setup/doors.mjs), and may use
 * of them what its room may. In pure rooms, files use no builtin of Node, no package but those of
 * the table and no room that does, except for files named *.node.ts, which may use `linux` and the
 * rooms before it. A pure file imports such a file only if a *.browser.ts beside it replaces it in
 * a bundle. src never imports 'vnet' by name, because that would load a second copy of everything.
 * A type-only import counts like any other. No module keeps mutable state: `let` or `var` at its
 * top level, or a collection that is empty there, except for `kept`. Only linux/errno.ts calls the
 * addon's close(), because it looks at the result.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { parseAst } from 'rolldown/parseAst'
import { flag, readOptions } from './options.mjs'
import { core, products } from './rooms.mjs'
import { Doors, isKit, visit } from './setup/doors.mjs'

/**
 * The rooms in the order in which they may import each other, each with its product, if any. The
 * door of a product for other packages is the last of its rooms, so that none of them imports it.
 */
const table = [
  ...core,
  ...products.flatMap(({ product, uses, ofCore, rooms }) =>
    [...rooms, { room: `${product}/kit.ts` }].map(each => ({ uses, ...each, ofCore, product })),
  ),
]
const order = table.map(({ room }) => room)
const rowOf = room => table[order.indexOf(room)]
/** The files of pure rooms that touch the system: they come right after linux, or later. */
const NODE = /\.node\.ts$/
const nodeRank = order.indexOf('linux') + 0.5

/** Of web the page imports types only: it runs in a browser, for which it is compiled. */
const excepted = (room, to) => room === 'web/page' && to === 'web'

/** Returns the folders of a tree, and the arrows between them: `[from, to, whether it runs up]`. */
export function drawing(root, tree) {
  const within = sources(root).filter(({ path }) => path.startsWith(`${tree}/`))
  const folderOf = path => dirname(relative(tree, path))
  const arrows = new Map()
  for (const { file, path } of within) {
    const program = programOf(file, readFileSync(join(root, path), 'utf8'))
    for (const { specifier } of importsOf(program)) {
      const target = within.find(
        each => specifier?.startsWith('.') && each.path === join(dirname(path), specifier),
      )
      if (target === undefined || folderOf(target.path) === folderOf(path)) continue
      const ends = [folderOf(path), folderOf(target.path)]
      arrows.set(ends.join(' '), [...ends, rankOf(target.file) > rankOf(file)])
    }
  }
  return {
    folders: [...new Set(within.map(({ path }) => folderOf(path)))],
    arrows: [...arrows.values()].sort(),
  }
}

/**
 * Returns the source files of ROOT/src, as `netdev/a.ts`, and of ROOT/packages, as
 * `lan/switch/a.ts`, each with its path.
 */
export function sources(root) {
  const filesIn = (folder, prefix) =>
    !existsSync(join(root, folder))
      ? []
      : readdirSync(join(root, folder), { recursive: true })
          .map(file => file.replaceAll(sep, '/'))
          .filter(file => /(?<!\.d)\.tsx?$/.test(file))
          .sort()
          .map(file => ({ file: `${prefix}${file}`, path: `${folder}/${file}` }))
  const names = existsSync(join(root, 'packages')) ? readdirSync(join(root, 'packages')) : []
  return [
    ...filesIn('src', ''),
    ...names.flatMap(name => filesIn(`packages/${name}/src`, `${name}/`)),
  ]
}

/**
 * All violations in ROOT/src and the packages, as `src/netdev/a.ts:3: netdev may not import linux
 * (../linux/b.ts)`.
 */
export function violations(root) {
  const doors = new Doors(root)
  const files = sources(root)
  const names = new Set(files.map(({ file }) => file))
  const replaced = files.filter(
    ({ file }) => NODE.test(file) && names.has(file.replace(NODE, '.browser.ts')),
  )
  const counterparts = new Map(replaced.map(({ file, path }) => [file, join(root, path)]))
  const tree = { root, doors, imported: new Map(), counterparts }
  return [
    ...files.flatMap(({ file, path }) => violationsIn(tree, file, path)),
    ...violationsOfDoors(root, doors, tree.imported),
  ]
}

/** The most names of a door, which a reader should see together. */
const DOOR_MAX = 60

/**
 * Returns the violations of doors for the packages of this repository: they only export names from
 * modules beside them, at most DOOR_MAX names, each of which another package uses and no public
 * door has.
 */
function violationsOfDoors(root, doors, imported) {
  const used = usersOfDoors(imported)
  return [...doors.packages.values()].flatMap(specifiers =>
    violationsOfPackage(specifiers, root, doors, used),
  )
}

function violationsOfPackage(specifiers, root, doors, used) {
  const places = specifiers
    .filter(specifier => !isKit(specifier))
    .flatMap(specifier =>
      [...doors.exportsOf(doors.pathOf(specifier)).values()].map(place => [place, specifier]),
    )
  return specifiers.filter(isKit).flatMap(specifier => {
    const path = doors.pathOf(specifier)
    const { body } = programOf(path, readFileSync(path, 'utf8'))
    const exported = [...doors.exportsOf(path)]
    return [
      ...(body.every(isOfDoor) ? [] : ['a door only exports names from modules']),
      ...(exported.length > DOOR_MAX ? [`${exported.length} names, at most ${DOOR_MAX}`] : []),
      ...exported.flatMap(([name, place]) => {
        const home = places.find(
          ([{ file, own, isType }]) =>
            file === place.file && own === place.own && (place.isType || !isType),
        )
        if (home !== undefined) return [`${name} is in ${home[1]}`]
        return used.has(`${specifier} ${name}`) ? [] : [`no package uses ${name}`]
      }),
    ].map(message => `${relative(root, path)}:1: ${message}`)
  })
}

/** Whether a statement may be in a door: an export of names, or an import for its effect. */
function isOfDoor({ type, source, specifiers, exported }) {
  if (!source?.value.startsWith('.')) return false
  if (type === 'ExportAllDeclaration') return exported !== null
  return type === 'ExportNamedDeclaration' || specifiers.length === 0
}

/** Returns the syntax tree of a source file. */
export function programOf(file, source) {
  return parseAst(source, { lang: file.endsWith('x') ? 'tsx' : 'ts', astType: 'ts' }, file)
}

/** Returns the packages that use a name of a door, by `DOOR NAME`, from imports by path. */
export function usersOfDoors(imported) {
  const users = new Map()
  for (const [path, imports] of imported) {
    const [, name] = /^packages\/(.*?)\//.exec(path) ?? []
    if (name === undefined) continue
    for (const { specifier, names = [] } of imports) {
      for (const each of names) {
        const key = `${specifier} ${each}`
        users.set(key, (users.get(key) ?? new Set()).add(name))
      }
    }
  }
  return users
}

/**
 * Returns the violations in a file, and notes its imports in `tree.imported`, by its path. The
 * files of `tree.counterparts`, each with its full path, have counterparts for browsers.
 */
function violationsIn(tree, file, path) {
  const { root, imported } = tree
  const source = readFileSync(join(root, path), 'utf8')
  const at = (offset, message) =>
    `${path}:${source.slice(0, offset).split('\n').length}: ${message}`
  const room = roomOf(file)
  if (!order.includes(room)) {
    return [at(0, `${room} is not a known room of src: give it a line in scripts/rooms.mjs`)]
  }
  const top = path.startsWith('packages/') ? `${file.split('/')[0]}/` : ''
  const program = programOf(file, source)
  imported.set(path, importsOf(program))
  const imports = imported.get(path).map(({ start, ...taken }) => {
    const complaint =
      top !== '' && /^(@vnet\/\w+|vnet)(\/|$)/.test(taken.specifier)
        ? complaintAboutDoor(tree, { ...taken, file, room, top })
        : complaintAbout(tree, { ...taken, file, room, top })
    return complaint && at(start, `${room} may not import ${complaint}`)
  })
  const state = program.body.map(node => {
    const declared = declaredBy(node)
    if (isMutable(declared)) {
      return at(node.start, 'no module-level let or var: mutable state hangs on a Net')
    }
    if (kept[file] !== undefined || !isFilled(declared)) return undefined
    return at(
      node.start,
      'no collection that a module fills: give it an owner, or say in `kept` whose it is',
    )
  })
  const isStale = kept[file] !== undefined && !program.body.some(node => isFilled(declaredBy(node)))
  const stale = isStale ? [at(0, 'no collection that the module fills: remove it from `kept`')] : []
  const closes = file === CLOSER ? [] : closesOf(program).map(start => at(start, UNSEEN_CLOSE))
  return [...imports, ...state, ...stale, ...closes].filter(found => found !== undefined)
}

/** The declaration of a statement, exported or not. */
const declaredBy = node => node.declaration ?? node

/** The file that calls the addon's close(). */
const CLOSER = 'linux/errno.ts'
const UNSEEN_CLOSE =
  'native.close() returns a failure that nobody sees: use closeFd() of linux/errno.ts'

/**
 * Where a syntax tree calls close() of an object named `native` or `calls`, with a descriptor, or
 * takes it out of the object.
 */
function closesOf(program) {
  const found = []
  visit(program, node => {
    if (isClose(node)) {
      found.push(node.start)
    }
  })
  return found
}

function isClose({ type, callee, arguments: args, id, init }) {
  if (type === 'CallExpression') {
    return args.length > 0 && callee.property?.name === 'close' && isAddon(callee.object)
  }
  const taken =
    type === 'VariableDeclarator' && id.type === 'ObjectPattern' && isAddon(init)
      ? id.properties
      : []
  return taken.some(({ key }) => key?.name === 'close')
}

/** `calls` of a listening socket are the addon's, too; a private field of that name is not. */
function isAddon(node) {
  const { type, name } = node?.property ?? node ?? {}
  return name === 'native' || (name === 'calls' && type === 'Identifier')
}

/** The deepest folder above `file` that has a line, else its first folder. */
export function roomOf(file) {
  const names = file.split('/')
  const above = names.map((_, i) => names.slice(0, i + 1).join('/'))
  return above.findLast(name => order.includes(name)) ?? names[0]
}

/** Whether a source file may touch no system. */
export const isPure = file => rowOf(roomOf(file))?.pure === true && !NODE.test(file)
const rankOf = file => Math.max(order.indexOf(roomOf(file)), NODE.test(file) ? nodeRank : -1)

const isMutable = node => node.type === 'VariableDeclaration' && ['let', 'var'].includes(node.kind)

/** The modules with collections that they fill, and to what else than the module these belong. */
export const kept = {
  'netdev/debug/function-place.browser.ts': 'the page, which loads each driver once',
  'netdev/debug/function-place.node.ts': 'the scripts and functions of the thread',
  'linux/ffi.ts': 'the thread, in which a library stays loaded',
  'lab/world/wire-spec.ts': 'the texts of filters, which mean the same everywhere',
  'lab/guest/vitest-guest.ts': 'the tests of vitest, by which they are kept',
  'lab/playwright.ts': 'the links, by which they are kept',
  'lab/memory/node/native-stream.ts': 'Node, whose classes do not change',
  'lab/memory/node/memory-socket.ts': 'the sockets of Node, by which they are kept',
  'lab/memory/node/virtual-timeout.ts':
    'the sockets and prototypes of Node, by which they are kept',
  'lab/memory/node/http2-date.ts': 'the prototypes of Node, by which they are kept',
  'lab/memory/time/fetch-clock.ts': 'the copies of undici in the thread',
  'lab/memory/time/async-types.ts': 'the names of types, which mean the same everywhere',
  'lab/memory/time/timers.ts': 'the thread, whose clearTimeout takes their numbers',
  'learn/browser/check-worker.ts': 'the worker, which checks one driver',
  'learn/commands/check-worker.ts': 'the process, which checks one driver',
  'web/page/filter-fields.tsx': 'the frames, by which they are kept',
}

const COLLECTIONS = ['Map', 'Set', 'WeakMap', 'WeakSet']

/** Whether a declaration makes an empty collection which its type lets the module fill. */
const isFilled = node =>
  node.type === 'VariableDeclaration' &&
  node.declarations.some(({ init, id }) => {
    const type = id.typeAnnotation?.typeAnnotation.type
    if (init?.type === 'NewExpression') {
      return COLLECTIONS.includes(init.callee.name) && init.arguments.length === 0
    }
    if (init?.type === 'ArrayExpression') {
      return init.elements.length === 0 && type === 'TSArrayType'
    }
    return (
      init?.type === 'ObjectExpression' &&
      init.properties.length === 0 &&
      type !== 'TSTypeReference'
    )
  })

/** Returns why the names of a door may not be imported, or undefined. */
function complaintAboutDoor(tree, { specifier, names, values, file, room, top }) {
  const { doors } = tree
  const path = doors.pathOf(specifier)
  if (path === undefined) return `the package ${specifier}`
  const door = doors.nameOf(path)
  if (door.startsWith(top)) return `its own package by name (${specifier})`
  const missing = names?.find(name => !doors.exportsOf(path).has(name))
  if (missing !== undefined) return `${missing}, which ${specifier} does not have`
  const complaints = behindDoor(doors, path, { names, values }).map(({ target, values }) =>
    complaintAboutModule(tree, doors.nameOf(target), { specifier, values, file, room }),
  )
  return [complaintAboutProduct(roomOf(door), { specifier, room }), ...complaints].find(Boolean)
}

/**
 * Returns the files to which an import of a door leads, each with the values taken of it. Without
 * names it is all of the door; the door's effects alone for an import of none.
 */
function behindDoor(doors, path, { names, values }) {
  const exported = doors.exportsOf(path)
  const effects = names === undefined || names.length === 0 ? doors.effectsOf(path) : []
  const places = (names ?? [...exported.keys()]).map(name => {
    const { file, own, isType } = exported.get(name)
    if (isType || values?.includes(name) === false) return { target: file, values: [] }
    return { target: file, values: own === '*' ? undefined : [own] }
  })
  return [...effects.map(target => ({ target, values: [] })), ...places]
}

/**
 * Returns why `specifier` may not be imported, or undefined. A computed specifier is undefined.
 * `top` is `lan/` for a file of packages/lan/src, and empty for one of src.
 */
function complaintAbout(tree, { specifier, values, file, room, top }) {
  // Drivers are loaded by computed names.
  if (specifier === undefined) return isPure(file) ? 'what is named only at run time' : undefined
  const isRelative = /^\.\.?(\/|$)/.test(specifier)
  if (isRelative) {
    const target = relative('src', resolve('src', dirname(file), specifier)).replaceAll(sep, '/')
    const isOutside = target.startsWith('..') || !target.startsWith(top)
    return isOutside
      ? `what lies outside its src (${specifier})`
      : complaintAboutModule(tree, target, { specifier, values, file, room })
  }
  if (isBuiltin(specifier)) return isPure(file) ? `a builtin of Node (${specifier})` : undefined
  return rowOf(room).packages?.includes(specifier) ? undefined : `the package ${specifier}`
}

/** Returns why a room may not use one of another product, or undefined. */
function complaintAboutProduct(to, { specifier, room }) {
  const { product: mine, uses } = rowOf(room)
  const other = rowOf(to)?.product
  return mine && other && mine !== other && !uses?.includes(other)
    ? `${other}, another product (${specifier})`
    : undefined
}

/** Returns why a file may not use a module of src or of a package, or undefined. */
function complaintAboutModule(tree, target, { specifier, values, file, room }) {
  const to = roomOf(target)
  if (excepted(room, to)) return undefined
  const complaint = complaintAboutProduct(to, { specifier, room })
  if (complaint !== undefined) return complaint
  const isCore = rowOf(to)?.product === undefined
  if (isCore && rowOf(room).ofCore?.includes(to) === false) return `${to} (${specifier})`
  const isAbove =
    to === room ? NODE.test(target) && !NODE.test(file) : rankOf(target) >= rankOf(file)
  if (isAbove) return `${to} (${specifier})`
  if (!isPure(file) || isPure(target)) return undefined
  const path = tree.counterparts.get(target)
  return path === undefined ? `${to} (${specifier})` : complaintAboutBrowser(tree, path, values)
}

/**
 * Returns which value of a file for Node its counterpart for browsers lacks, or undefined. Types
 * need none there: a bundle that puts it in place has no types.
 */
function complaintAboutBrowser({ doors }, path, values) {
  const counterpart = path.replace(NODE, '.browser.ts')
  const isValue = (file, name) => doors.exportsOf(file).get(name)?.isType === false
  const taken = values ?? [...doors.exportsOf(path).keys()].filter(name => isValue(path, name))
  const lacking = taken.find(name => !isValue(counterpart, name))
  return lacking && `${lacking}, which ${doors.nameOf(counterpart)} does not have`
}

/**
 * Every import, export ... from, import(), import type and import = require() in a syntax tree,
 * wherever it stands, with the names that it takes, if it says which, and with those of them that
 * it takes as values, not as types.
 */
export function importsOf(program) {
  const found = []
  /** Calls of import() of which the node around them takes names. */
  const loads = new Set()
  visit(program, node => {
    const { load, ...taken } = loadedBy(node) ?? { load: node, ...takenBy(node) }
    const from = importedBy(load)
    if (!from || loads.has(load)) return
    loads.add(load)
    found.push({ specifier: textOf(from), ...taken, start: load.start })
  })
  return found
}

/** Returns an import() of which a node takes names: `const { a } = await import(...)`, or `.a`. */
function loadedBy({ type, id, init, object, property }) {
  const isPattern = type === 'VariableDeclarator' && id.type === 'ObjectPattern'
  const isMember = type === 'MemberExpression' && property.type === 'Identifier'
  if (!isPattern && !isMember) return undefined
  const awaited = isPattern ? init : object
  if (awaited?.type !== 'AwaitExpression') return undefined
  const load = awaited.argument
  if (load.type !== 'ImportExpression') return undefined
  const names = isPattern ? id.properties.map(({ key }) => key.name) : [property.name]
  return { load, names, values: names }
}

/** Returns the names that an import takes, and the values; undefined if it may take all. */
function takenBy(node) {
  const { type, specifiers } = node
  const isWhole = specifiers?.some(({ type }) => type === 'ImportNamespaceSpecifier')
  const named = isWhole ? undefined : specifiers
  const isType = ({ importKind, exportKind }) => [importKind, exportKind].includes('type')
  const isAllTypes = type === 'TSImportType' || isType(node)
  return {
    names: named?.map(nameOf),
    values: isAllTypes ? [] : named?.filter(each => !isType(each)).map(nameOf),
  }
}

/** Returns the name that a specifier of an import or an export has in the other module. */
const nameOf = ({ imported, local }) => (imported ?? local).name

const importing = [
  'ImportDeclaration',
  'ExportAllDeclaration',
  'ExportNamedDeclaration',
  'ImportExpression',
  'TSImportType',
]

const importedBy = node =>
  importing.includes(node.type)
    ? node.source
    : node.type === 'TSExternalModuleReference' && node.expression

const textOf = node =>
  node.type === 'TemplateLiteral' && node.expressions.length === 0
    ? node.quasis[0].value.cooked
    : node.value

if (process.argv[1] === import.meta.filename) {
  const { values, positionals } = readOptions({ drawing: flag }, 1)
  const [tree] = positionals
  if (values.drawing) {
    const { folders, arrows } = drawing('.', tree)
    for (const [from, to, isUp] of arrows) {
      console.log(`${from} -> ${to}${isUp ? ' UP' : ''}`)
    }
    console.log(
      `${folders.length} folders, ${arrows.length} arrows, ${arrows.filter(([, , isUp]) => isUp).length} up`,
    )
  }
  const found = values.drawing ? [] : violations(resolve(tree ?? '.'))
  for (const violation of found) {
    console.error(violation)
  }
  process.exitCode = found.length > 0 ? 1 : 0
}
