/**
 * Doors: the modules of the core and of a package that other packages import. Public ones have a
 * name in the exports of package.json, such as `vnet/bed` and `@vnet/lan`. `vnet/kit/NAME`, which
 * is src/kit/NAME.ts, and `@vnet/NAME/kit`, which is packages/NAME/src/kit.ts, are for the packages
 * of this repository. A door shows a reader what a room or a package offers, and as a file it would
 * load all of that. So nothing loads it: compiled packages, the course's bundle and the tests see
 * through doors, and import the modules of the names as `vnet/built/MODULE` or
 * `@vnet/NAME/built/MODULE`.
 */

import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { parseAst } from 'rolldown/parseAst'
import { builtModule, slashed } from './built-module.mjs'

/** A specifier that may be a door's: a package, or one or two names in it. */
const DOOR = String.raw`(?:vnet|@vnet/\w+)(?:/(?!built/)[\w-]+){0,2}`
const NAMED = new RegExp(`^(import|export) (type )?\\{([^}]*)\\} from (['"])(${DOOR})\\4;?`, 'gm')
const WHOLE = new RegExp(`^import (?:\\* as (\\w+) from )?(['"])(${DOOR})\\2;?`, 'gm')
const TAKEN = new RegExp(
  `const \\{([^}]*)\\} = await import\\(\\s*(['"])(${DOOR})\\2,?\\s*\\)`,
  'g',
)
const MEMBER = new RegExp(`\\(await import\\((['"])(${DOOR})\\1\\)\\)\\.(\\w+)`, 'g')
const LEFT = new RegExp(`(?<!typeof )\\bimport\\(\\s*['"]${DOOR}['"]`)

/** The doors of the core and the packages in `root`. */
export class Doors {
  #root
  /** The specifiers of the doors of each package, by its name. */
  packages = new Map()
  /** The paths of doors by their specifiers. */
  #paths = new Map()
  #exported = new Map()

  constructor(root) {
    this.#root = root
    const folders = ['.', ...namesOfFiles(join(root, 'packages')).map(name => `packages/${name}`)]
    for (const [name, doors] of folders.map(folder => doorsOf(join(root, folder)))) {
      this.packages.set(name, [...doors.keys()])
      for (const [specifier, path] of doors) {
        this.#paths.set(specifier, path)
      }
    }
  }

  /** Names what the doors export. */
  get digest() {
    const places = Array.from(this.#paths.values(), path => [path, [...this.exportsOf(path)]])
    return createHash('sha256').update(JSON.stringify(places)).digest('hex')
  }

  /** Returns the path of a door's source; undefined for another specifier. */
  pathOf(specifier) {
    return this.#paths.get(specifier)
  }

  /** Returns the file that a specifier in a module leads to; undefined outside of `root`. */
  #fileOf(path, specifier) {
    return specifier.startsWith('.') ? join(dirname(path), specifier) : this.pathOf(specifier)
  }

  /**
   * Returns the names that a source file exports, each with the file that declares it, its name
   * there, `*` for all of the file as a namespace, and whether it is exported as a type only.
   */
  exportsOf(path) {
    let found = this.#exported.get(path)
    if (found === undefined) {
      found = new Map()
      this.#exported.set(path, found)
      const { body } = parse(path)
      for (const statement of body) {
        this.#add(found, statement, path, body)
      }
    }
    return found
  }

  #add(found, statement, path, body) {
    const { type, source, declaration, specifiers = [], exported } = statement
    const from = source && this.#fileOf(path, source.value)
    if (from === undefined) return
    if (type === 'ExportAllDeclaration') {
      const all = exported
        ? [[exported.name, { file: from, own: '*', isType: false }]]
        : this.exportsOf(from)
      for (const [name, place] of all) {
        found.set(name, statement.exportKind === 'type' ? { ...place, isType: true } : place)
      }
    }
    if (type !== 'ExportNamedDeclaration') return
    for (const [own, isType] of declaredBy(declaration)) {
      // A class or constant may share its name with a type.
      const isBoth = found.has(own) && found.get(own).isType !== isType
      found.set(own, { file: path, own, isType: isType && !isBoth })
    }
    for (const { local, exported, exportKind } of specifiers) {
      const place = from
        ? this.exportsOf(from).get(local.name)
        : this.#importedAs(local.name, path, body)
      if (place === undefined) continue
      const isType = [exportKind, statement.exportKind].includes('type')
      found.set(exported.name, isType ? { ...place, isType } : place)
    }
  }

  /** Returns the place of a name that a module exports by itself: declared there, or imported. */
  #importedAs(name, path, body) {
    for (const { type, source, specifiers } of body) {
      if (type !== 'ImportDeclaration') continue
      const found = specifiers.find(({ local }) => local.name === name)
      if (found === undefined) continue
      const file = this.#fileOf(path, source.value)
      if (file === undefined) return undefined
      return found.type === 'ImportNamespaceSpecifier'
        ? { file, own: '*', isType: false }
        : this.exportsOf(file).get(found.imported.name)
    }
    const own = body.flatMap(declaredBy).find(([each]) => each === name)
    return { file: path, own: name, isType: own?.[1] ?? false }
  }

  /**
   * Returns the files that a door imports for their effect, also through other doors. If what it
   * imports is not in `root`, the door is such a file itself.
   */
  effectsOf(path) {
    return parse(path)
      .body.filter(({ type, specifiers }) => type === 'ImportDeclaration' && !specifiers.length)
      .flatMap(({ source: { value } }) => {
        const door = this.pathOf(value)
        return door ? this.effectsOf(door) : [this.#fileOf(path, value) ?? path]
      })
  }

  /** Returns the name of a source file: `base/clock.ts`, or `lan/driver.ts` of a package. */
  nameOf(file) {
    return this.#placeOf(file).filter(Boolean).join('/')
  }

  /** Returns the specifier by which compiled packages import a source file. */
  #built(file) {
    const [name, module] = this.#placeOf(file)
    return `${name === undefined ? 'vnet' : `@vnet/${name}`}/built/${module.replace(/\.ts$/, '')}`
  }

  /** Returns the folder in packages of a source file, if it has one, and its name in `src`. */
  #placeOf(file) {
    const path = slashed(relative(this.#root, file))
    return /^(?:packages\/([^/]+)\/)?src\/(.*)$/.exec(path).slice(1)
  }

  /** Returns where a name of a door is: a specifier, and the name there. Throws if it has none. */
  #behind(specifier, name) {
    const place = this.exportsOf(this.pathOf(specifier)).get(name)
    if (place === undefined) throw new Error(`${specifier} does not export ${name}`)
    return { module: this.#built(place.file), own: place.own }
  }

  /**
   * Returns the text of a module that imports the modules of names, not their doors, and no types.
   * Lines keep their numbers. The text is TypeScript, or was compiled from it. Throws an error that
   * names `path` if a door is imported as a whole at run time.
   */
  seeThrough(text, path) {
    if (!text.includes('vnet')) return text
    const changed = text
      .replace(NAMED, (all, verb, isType, names, _, door) => {
        if (this.pathOf(door) === undefined) return all
        const groups = isType ? [] : this.#grouped(door, names)
        return inLines(
          all,
          groups.map(group => statementOf(verb, group)),
        )
      })
      .replace(WHOLE, (all, name, _, door) => {
        const file = this.pathOf(door)
        if (file === undefined) return all
        if (name !== undefined) return `import * as ${name} from '${this.#built(file)}';`
        return inLines(
          all,
          this.effectsOf(file).map(each => `import '${this.#built(each)}'`),
        )
      })
      .replace(TAKEN, (all, names, _, door) =>
        this.pathOf(door) === undefined
          ? all
          : `const ${this.#grouped(door, names, ':').map(takenFrom).join(', ')}`,
      )
      .replace(MEMBER, (all, _, door, name) => {
        if (this.pathOf(door) === undefined) return all
        const { module, own } = this.#behind(door, name)
        return `(await import('${module}')).${own}`
      })
    const left = LEFT.exec(changed)
    if (left === null) return changed
    throw new Error(
      `${path}: ${left[0]}) would load a whole room: write const { NAME } = await import(...)`,
    )
  }

  /**
   * Returns the text of a compiled module that imports names in place of namespaces, which it uses
   * only to take names from. `spaces` are matches of import statements: all of it, the namespace
   * and the specifier.
   */
  withoutSpaces(text, spaces) {
    const taken = new Map(spaces.map(([, name]) => [name, new Map()]))
    const whole = new Set()
    const edits = []
    visit(parseAst(text), (node, parent) => {
      if (node.type !== 'Identifier' || !taken.has(node.name)) return
      if (/^Import/.test(parent.type) || isKey(node, parent)) return
      if (parent.type !== 'MemberExpression' || parent.object !== node || parent.computed) {
        whole.add(node.name)
        return
      }
      const local = `${node.name}_${parent.property.name}`
      taken.get(node.name).set(parent.property.name, local)
      edits.push({ ...parent, name: node.name, by: local })
    })
    for (const [all, name, specifier] of spaces) {
      const start = text.indexOf(all)
      const names = Array.from(taken.get(name), ([own, local]) => `${own} as ${local}`)
      const by = names.length > 0 ? `import { ${names.join(', ')} } from '${specifier}';` : ''
      edits.push({ start, end: start + all.length, name, by })
    }
    let changed = text
    for (const { start, end, name, by } of edits.sort((a, b) => b.start - a.start)) {
      if (!whole.has(name)) {
        changed = changed.slice(0, start) + by + changed.slice(end)
      }
    }
    return changed
  }

  /** Returns the names in braces by the module behind the door that has them. */
  #grouped(door, text, as = ' as ') {
    const groups = new Map()
    for (const each of text.split(',').map(name => name.trim())) {
      if (each === '' || each.startsWith('type ')) continue
      const [name, local = name] = each.split(as).map(one => one.trim())
      const { module, own } = this.#behind(door, name)
      groups.set(module, [...(groups.get(module) ?? []), { own, local }])
    }
    return [...groups]
  }
}

/** Calls `seen` with each node of a syntax tree, and its parent, from the outside in. */
export function visit(node, seen, parent) {
  if (Array.isArray(node)) {
    for (const each of node) {
      visit(each, seen, parent)
    }
  } else if (node !== null && typeof node === 'object') {
    if (node.type !== undefined) {
      seen(node, parent)
    }
    for (const value of Object.values(node)) {
      visit(value, seen, node.type === undefined ? parent : node)
    }
  }
}

/** Whether an identifier is the name of a property, a method or a label. */
const isKey = (node, { type, key, property, computed, shorthand, label }) =>
  label === node ||
  (property === node && !computed) ||
  (key === node && !computed && !(type === 'Property' && shorthand))

/**
 * A plugin of vite and rolldown with which the packages' sources in `root` see through doors, so
 * that a test or a bundle loads what it uses of a room, as compiled packages do.
 */
export function throughDoors(root) {
  let doors = new Doors(root)
  const packages = `${slashed(join(root, 'packages'))}/`
  const isPackageSource = id => slashed(id).startsWith(packages) && /\/src\//.test(slashed(id))
  return {
    name: 'vnet-doors',
    enforce: 'pre',
    resolveId: id => {
      const { folder, module } = builtModule(id) ?? {}
      return module && join(root, folder, 'src', `${module}.ts`)
    },
    transform: (code, id) =>
      isPackageSource(id) ? { code: doors.seeThrough(code, id), map: null } : undefined,
    watchChange: () => {
      doors = new Doors(root)
    },
    // What vitest keeps of a module follows from the doors, too.
    configureVitest: ({ experimental_defineCacheKeyGenerator: define }) => {
      const key = doors.digest
      define(({ id }) => (isPackageSource(id) ? key : undefined))
    },
  }
}

/** Whether a door is for the packages of this repository alone. */
export const isKit = specifier => /\/kit(\/|$)/.test(specifier)

const namesOfFiles = folder => (existsSync(folder) ? readdirSync(folder) : [])

/** Returns the name of a package, and the paths of its doors by their specifiers. */
function doorsOf(folder) {
  const manifest = join(folder, 'package.json')
  const { name, exports = {} } = existsSync(manifest)
    ? JSON.parse(readFileSync(manifest, 'utf8'))
    : {}
  const doors = new Map()
  for (const [path, { source }] of Object.entries(exports)) {
    // vnet alone loads commands.
    if (source === undefined || path === './commands') continue
    const [specifier, file] = [`${name}${path.slice(1)}`, join(folder, source)]
    const names = namesOfFiles(dirname(file)).sort()
    for (const each of names.filter(one => path.endsWith('/*') || one === basename(file))) {
      doors.set(specifier.replace('*', basename(each, '.ts')), join(dirname(file), each))
    }
  }
  return [name, doors]
}

/** Returns the names that a statement declares, each with whether it is a type. */
function declaredBy(statement) {
  const declaration = statement?.declaration ?? statement
  if (declaration == null) return []
  const { type, id, declarations } = declaration
  if (type === 'VariableDeclaration') {
    return declarations.flatMap(({ id }) => namesOf(id)).map(name => [name, false])
  }
  const isType = /^TS(Interface|TypeAlias)Declaration$/.test(type)
  return id?.name !== undefined && /Declaration$/.test(type) ? [[id.name, isType]] : []
}

/** Returns the names in the pattern of a declaration. */
function namesOf({ type, name, properties }) {
  if (type === 'Identifier') return [name]
  return type === 'ObjectPattern' ? properties.flatMap(({ value }) => namesOf(value)) : []
}

const parse = path => parseAst(readFileSync(path, 'utf8'), { lang: 'ts', astType: 'ts' }, path)

/** Returns statements in place of one, in as many lines. */
const inLines = (all, statements) =>
  `${statements.map(each => `${each};`).join(' ')}${'\n'.repeat(all.split('\n').length - 1)}`

const asNamed = ({ own, local }) => (own === local ? own : `${own} as ${local}`)

/** A namespace stands alone. */
function statementOf(verb, [module, names]) {
  const spaces = names.filter(({ own }) => own === '*')
  const named = names.filter(({ own }) => own !== '*')
  return [
    ...spaces.map(({ local }) => `${verb} * as ${local} from '${module}'`),
    ...(named.length > 0 ? [`${verb} { ${named.map(asNamed).join(', ')} } from '${module}'`] : []),
  ].join('; ')
}

function takenFrom([module, names]) {
  const [{ own, local }] = names
  if (own === '*') return `${local} = await import('${module}')`
  const taken = names.map(({ own, local }) => (own === local ? own : `${own}: ${local}`))
  return `{ ${taken.join(', ')} } = await import('${module}')`
}
