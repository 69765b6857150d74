/**
 * Joined files: compiled modules that are loaded together are one file, because Node takes longer
 * to find and link a module than to compile it. The file of such a module exports from the joined
 * one, so that every importer of the module gets the same objects. It also has the data of JSON
 * files that its modules import. join.config.mjs makes joined files.
 */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { builtModule, slashed } from './built-module.mjs'

/**
 * The joined files of each project, in order. Each holds modules with their static imports, except
 * modules of files before it. A command needs few files until it is ready, and a program that
 * imports the package loads no command.
 */
export const JOINED = {
  vnet: {
    // Pure: the page loads it in a browser.
    'base/joined': [
      'base/dispose',
      'base/index',
      'base/schema',
      'capture/block-walker',
      'capture/packet',
      'capture/pcapng',
      'netdev/before-vnet',
      'netdev/if',
      'netdev/stats',
      'netlink/index',
      'packet/index',
      'packet/bpf',
      'packet/bpf-codes',
      'packet/dns',
      'packet/filter-note',
      'packet/icmpv6',
      'packet/layers',
      'packet/upper-header',
    ],
    'skb/joined': ['netdev/gso', 'netdev/port-reader', 'skb/index'],
    'netdev/joined': ['netdev/index', 'packet/arp'],
    'linux/joined': ['linux/check-addresses', 'linux/index'],
    'linux/joined-tap': ['linux/tap/open'],
    'linux/joined-machine': [
      'control/protocol/attachment',
      'control/sockets/directory',
      'linux/ffi',
      'linux/netns-name',
      'linux/packet-socket',
      'linux/rtnetlink',
      'linux/tap/tap',
      'linux/way-out',
      'wire/stages/fault-verbs',
      'wire/units',
    ],
    'cli/joined': [
      'cli/command-line',
      'cli/process/inherited-files',
      'cli/main',
      'cli/process/pass-signals',
      'cli/process/process-io',
      'cli/rootless',
    ],
    'control/joined': [
      'cli/align',
      'cli/ask',
      'control/client/client',
      'control/client/find',
      'netdev/bypass',
    ],
    'cli/joined-queries': ['cli/commands/queries'],
    'netdev/joined-machine': [
      'drivers/cable',
      'drivers/loop',
      'linux/platform',
      'wire/wire-resources.node',
    ],
    'control/joined-presence': ['control/server/presence'],
    'drivers/joined': ['drivers/cable', 'drivers/loop'],
    'capture/joined': ['capture/capture-file.node', 'capture/reader', 'capture/recording.node'],
    'cli/joined-driver': ['cli/commands/driver-command', 'cli/run'],
  },
  inet: {
    joined: ['index', 'ip/counters', 'port'],
  },
  lab: {
    'model/joined': ['model/index', 'nat/nat-table'],
    'commands/joined': ['commands/index', 'run/run'],
    'kernel/joined-index': ['index'],
    'kernel/joined-leftovers': ['kernel/leftovers'],
    'kernel/joined': ['run/run-lab', 'kernel/kernel-world', 'network/lab'],
    'carrier/joined': ['carrier/cable', 'carrier/lab-calls', 'kernel/kernel-links'],
    'memory/joined': ['memory/memory-world'],
    'toxiproxy/joined': ['toxiproxy/toxiproxy'],
  },
}

/** Not joined: loaded alone in a thread of Node's hooks; listed by its exports. */
const APART = ['cli/own-package', 'skb/drop-reason']

/** Returns the name of the joined file of each joined module, by the path of the module. */
export function joinedModules(dist, project) {
  const pathOf = name => join(dist, `${name}.js`)
  const apart = APART.map(pathOf)
  const joined = new Map()
  for (const [name, modules] of Object.entries(JOINED[project])) {
    const found = new Set(modules.map(pathOf))
    for (const path of found) {
      if (joined.has(path) || apart.includes(path)) continue
      for (const each of importsOf(path)) {
        found.add(each)
      }
      // --debug knows drivers by their folder.
      if (isDriver(path, dist) !== isDriver(pathOf(name), dist)) continue
      joined.set(path, name)
      checkPlace(path, pathOf(name))
    }
  }
  return joined
}

const isDriver = (path, dist) => path.startsWith(join(dist, 'drivers', sep))

/** Returns the paths of modules that a compiled module imports statically. */
function importsOf(path) {
  const found = readFileSync(path, 'utf8').matchAll(
    /^(?:(?:import|export)\b[^'"]*? from|import) '(\.[^']+)'/gm,
  )
  return Array.from(found, ([, specifier]) => join(dirname(path), specifier))
}

/** Throws if a module finds files by its own place, and would not from the joined file. */
function checkPlace(path, joined) {
  const text = readFileSync(path, 'utf8')
  if (!text.includes('import.meta.') || dirname(path) === dirname(joined)) return
  const isAsDeep = dirname(dirname(path)) === dirname(dirname(joined))
  if (isAsDeep && !/'\.\/[^']*', import\.meta/.test(text)) return
  throw new Error(`${path} finds files by import.meta: it cannot be joined to ${joined}`)
}

/**
 * Makes all files of `dist` see through doors, and import joined files instead of modules that
 * export from them. Packages import each other's files: all are installed with one version.
 */
export function importJoined(dist) {
  return changeFiles(dist, (text, path, doors, read) =>
    withJoined(doors?.seeThrough(text, path) ?? text, path, doors, read),
  )
}

/** Makes all files of `dist` see through doors. The page has modules by their own names. */
export function seeThroughDoors(dist) {
  return changeFiles(dist, (text, path, doors) => doors?.seeThrough(text, path) ?? text)
}

/** A module that imports a door, or a namespace. */
const MAY_NEED_DOORS = /['"]@?vnet['"/]|\bimport \* as /

/** Changes the text of each compiled module in `dist`. Without doors, none has needed them yet. */
async function changeFiles(dist, change) {
  let doors
  const read = new Map()
  for (const name of readdirSync(dist, { recursive: true })) {
    if (!name.endsWith('.js')) continue
    const path = join(dist, name)
    const text = readFileSync(path, 'utf8')
    if (MAY_NEED_DOORS.test(text)) {
      // The first set-up has no parser before it has installed the dependencies.
      const { Doors } = await import('./doors.mjs')
      doors ??= new Doors(resolve('.'))
    }
    const changed = change(text, path, doors, read)
    if (changed !== text) {
      writeFileSync(path, changed)
      read.delete(path)
    }
  }
}

const SPECIFIER = String.raw`\.[^'"]+\.js|(?:vnet|@vnet\/\w+)\/built\/[^'"]+`
/** The place of a statement: those in place of the import of a door stand in one line. */
const START = '(?<=^|; )'
const STATIC = new RegExp(
  `${START}(import|export) (?:\\{([^}]*)\\}|\\*) from '(${SPECIFIER})';`,
  'gm',
)
const SPACE = new RegExp(`${START}import \\* as (\\w+) from '(${SPECIFIER})';`, 'gm')
const DYNAMIC = new RegExp(`\\bimport\\((['"])(${SPECIFIER})\\1\\)`, 'g')

/**
 * Returns the text of a module that imports joined files. Lines keep their numbers. `read` keeps
 * what modules export, by their paths.
 */
export function withJoined(text, path, doors, read = new Map()) {
  const moduleOf = specifier =>
    specifier.startsWith('.') ? join(dirname(path), specifier) : compiledOf(specifier)
  // A namespace of a module would load its file, which only exports from a joined one.
  const isJoined = specifier => knownExports(moduleOf(specifier), read) !== undefined
  const spaces = Array.from(text.matchAll(SPACE)).filter(([, , from]) => isJoined(from))
  const flat = spaces.length === 0 ? text : doors.withoutSpaces(text, spaces)
  return flat
    .replace(STATIC, (all, verb, names, specifier) => {
      const exported = knownExports(moduleOf(specifier), read)
      if (exported === undefined) return all
      const shown = names === undefined ? Array.from(exported.keys(), key => [key]) : namesIn(names)
      const byFile = new Map()
      for (const [name, local = name] of shown) {
        const { own, file } = exported.get(name)
        byFile.set(file, [...(byFile.get(file) ?? []), own === local ? own : `${own} as ${local}`])
      }
      return Array.from(
        byFile,
        ([file, own]) =>
          `${verb} { ${own.join(', ')} } from '${specifierFor(file, specifier, path)}';`,
      ).join(' ')
    })
    .replace(DYNAMIC, (all, _, specifier) => {
      const file = joinedFileOf(moduleOf(specifier), read)
      return file === undefined ? all : `import('${specifierFor(file, specifier, path)}')`
    })
}

/** Returns the path of the compiled module of another package. */
function compiledOf(specifier) {
  const { folder, module } = builtModule(specifier)
  return resolve(folder, 'dist', `${module}.js`)
}

/** Returns the specifier of a joined file, for a module that names one of its modules. */
function specifierFor(file, specifier, path) {
  if (!specifier.startsWith('.')) {
    const { folder, module } = builtModule(specifier)
    const joined = slashed(relative(resolve(folder, 'dist'), file)).slice(0, -'.js'.length)
    return `${specifier.slice(0, -module.length)}${joined}`
  }
  const found = slashed(relative(dirname(path), file))
  return found.startsWith('.') ? found : `./${found}`
}

/** Returns the joined file with all exports of a module by their names; undefined if none has. */
export function joinedFileOf(path, read = new Map()) {
  const exported = [...(knownExports(path, read) ?? [])]
  const [first] = exported
  const isSame = exported.every(([name, { own, file }]) => name === own && file === first[1].file)
  return isSame ? first?.[1].file : undefined
}

/** Returns the names in the braces of an import or export, each with its other name. */
function namesIn(text) {
  const names = text.split(',').map(name => name.trim())
  return names.filter(name => name !== '').map(name => name.split(' as '))
}

/** Returns exportsOf(path), from `read` if it is there. */
function knownExports(path, read) {
  if (!read.has(path)) {
    read.set(path, exportsOf(path))
  }
  return read.get(path)
}

/**
 * Returns the joined file, and the name there, of each export of a module that only exports from
 * them; undefined for other modules.
 */
function exportsOf(path) {
  const text = readFileSync(path, 'utf8').replace(/^\/\/#.*$/m, '')
  const statement = /^(import|export) \{([^}]*)\}(?: from "([^"]*)")?;\s*/gm
  const statements = Array.from(text.matchAll(statement))
  if (statements.length === 0 || statements.map(([all]) => all).join('') !== text) return undefined
  if (!statements.every(([, , , from]) => from === undefined || IS_JOINED.test(from))) {
    return undefined
  }
  const [imported, exported] = [new Map(), new Map()]
  for (const [, verb, names, from] of statements) {
    const file = from && join(dirname(path), from)
    for (const [one, other = one] of namesIn(names)) {
      const place = file === undefined ? imported.get(one) : { own: one, file }
      const found = verb === 'import' ? imported : exported
      found.set(other, place)
    }
  }
  return exported
}

const IS_JOINED = /(^|[/-])joined(-\w+)?\.js$/
