/**
 * node scripts/api-reference.mjs: writes docs/api/*.md, a page for each entry point of vnet and its
 * packages, from the declarations of the last build. TypeScript 7 has no API to read them with, but
 * tsc writes them in one form: a declaration starts at column 0, after its docstring.
 */

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { Doors } from './setup/doors.mjs'

const root = resolve(import.meta.dirname, '..')
const doors = new Doors(root)
/** The packages with an API. */
const PACKAGES = ['lab', 'lan', 'learn'].map(name => `packages/${name}`)
const files = new Map()
/** A docstring, or a statement, which continues while lines are indented or close a bracket. */
const PARTS = /^\/\*\*[\s\S]*?\*\/|^[^\s}\])/].*(?:\n[ \t}\])].*)*/gm

/**
 * Returns the pages as `[file, text]`, and in `exports` each name with its entry point, kind,
 * docstring and declarations.
 */
export function apiReference() {
  const entries = ['.', ...PACKAGES].flatMap(folder => {
    const { name, exports } = JSON.parse(
      readFileSync(resolve(root, folder, 'package.json'), 'utf8'),
    )
    return Object.entries(exports).flatMap(([path, { types }]) => {
      // What packages import of each other, and what vnet imports of them.
      if (types === undefined || /\*|^\.\/(commands|kit)$/.test(path)) return []
      const entry = path.replace(/^\./, name)
      const file = resolve(root, folder, types)
      const page = `${entry.replace('@', '').replaceAll('/', '-')}.md`
      return [{ entry, page, doc: read(file).doc, found: exportsOf(file) }]
    })
  })
  const all = []
  /** The page of each declaration: the first one, if several entry points export it. */
  const homes = new Map()
  for (const { entry, page, found } of entries) {
    for (const [name, declarations] of found) {
      const doc = declarations.map(({ doc }) => doc).join('')
      all.push({ entry, name, kind: declarations[0].kind, doc, declarations })
      for (const each of declarations) {
        if (!homes.has(each)) {
          homes.set(each, { page, name })
        }
      }
    }
  }
  const pages = entries.map(({ entry, page, doc, found }) => [
    page,
    pageOf(entry, doc, found, homes),
  ])
  const index = ['# API', 'What each entry point of vnet and its packages exports.']
  const lines = entries.map(({ entry, page, doc }) => `- [${entry}](${page}): ${lead(intro(doc))}`)
  return { pages, index: `${[...index, lines.join('\n')].join('\n\n')}\n`, exports: all }
}

/**
 * Returns the types that the declarations of a page name and that are not on it, nor built in:
 * `linked`, which another page has, and `added`, which no entry point exports. The types that
 * `added` names in turn are in both, too.
 */
function typesBeside(found, homes) {
  const [linked, added] = [new Map(), new Map()]
  const named = new Set(found.keys())
  const queue = [...found.values()].flat()
  for (const { code: text = '', module, members } of queue) {
    if (members !== undefined) {
      queue.push(...[...members.values()].flat())
    }
    if (module === undefined) continue
    const bare = code(text).replace(/\/\*[\s\S]*?\*\/|'[^'\n]*'/g, '')
    for (const [name] of bare.matchAll(/(?<![.\w])[A-Z]\w*[a-z]\w*/g)) {
      if (named.has(name)) continue
      const declarations = sourceOf(module, name) ?? []
      if (declarations.length === 0) continue
      named.add(name)
      const home = homes.get(declarations[0])
      if (home !== undefined) {
        linked.set(name, home)
      } else {
        added.set(name, declarations)
        queue.push(...declarations)
      }
    }
  }
  return { linked, added }
}

/** Returns the public names of a module: a map from the name to its declarations, overloads too. */
function exportsOf(file) {
  const { declarations, lists, stars } = read(file)
  const found = new Map()
  for (const each of declarations) {
    if (each.isExported) {
      found.set(each.name, [...(found.get(each.name) ?? []), each])
    }
  }
  for (const { names, from } of lists) {
    for (const [own, name] of names) {
      const source = from === undefined ? sourceOf(read(file), own) : exportsOf(from).get(own)
      if (source === undefined) throw new Error(`${file}: no declaration of ${own}`)
      found.set(name, source)
    }
  }
  for (const { as, from } of stars) {
    if (as === undefined) {
      for (const [name, source] of exportsOf(from)) {
        found.set(name, source)
      }
    } else {
      found.set(as, [
        { kind: 'namespace', name: as, doc: read(from).doc, members: exportsOf(from) },
      ])
    }
  }
  for (const [name, source] of found) {
    if (source.every(({ doc }) => doc.includes('@internal'))) {
      found.delete(name)
    }
  }
  return found
}

/** Returns the declarations of a name that a module has declared or imported. */
function sourceOf({ declarations, imports }, own) {
  const [name, from] = imports.get(own) ?? []
  if (from !== undefined) return exportsOf(from).get(name)
  return declarations.filter(each => each.name === own)
}

/** Returns the file of declarations of a door; undefined for another specifier. */
function declarationsOf(specifier) {
  const door = doors.pathOf(specifier)
  return (
    door && resolve(root, relative(root, door).replace(/(^|\/)src\/(.*)\.ts$/, '$1dist/$2.d.ts'))
  )
}

/** Reads a file of declarations. */
function read(file) {
  const known = files.get(file)
  if (known !== undefined) return known
  const text = readFileSync(file, 'utf8').replace(/^\/\/# sourceMappingURL=.*/m, '')
  const module = { doc: fileDoc(file), declarations: [], lists: [], stars: [], imports: new Map() }
  files.set(file, module)
  const target = path => {
    const found = declarationsOf(path) ?? resolve(dirname(file), path.replace(/\.tsx?$/, '.d.ts'))
    return existsSync(found) ? found : undefined
  }
  for (const { doc, code } of statements(text)) {
    const [, list, from] =
      /^(?:export|import) (?:type )?\{(.*)\}(?: from '(.*)')?;/s.exec(code) ?? []
    const [, star, as, path] = /^export (?:type )?(\*)(?: as (\w+))? from '(.*)';/.exec(code) ?? []
    if (star !== undefined) {
      module.stars.push({ as, from: target(path) })
    } else if (list !== undefined) {
      const names = list.split(',').flatMap(item => {
        const [, own, name] = /^\s*(?:type )?(\w+)(?: as (\w+))?\s*$/.exec(item) ?? []
        return own === undefined ? [] : [[own, name ?? own]]
      })
      if (code.startsWith('export')) {
        module.lists.push({ names, from: from && target(from) })
      } else {
        for (const [own, name] of names) {
          module.imports.set(name, [own, target(from)])
        }
      }
    } else {
      const [, exported, kind, name] =
        /^(export )?(?:declare )?(?:abstract )?(function|class|interface|type|const|let|namespace) (\w+)/.exec(
          code,
        ) ?? []
      if (name === undefined) continue
      const isExported = exported !== undefined
      // `const EPERM: 1, ENOENT: 2;` declares several.
      const several =
        kind === 'const' ? [...code.matchAll(/(?<=const |, )([A-Z0-9]+): (\d+)(?=[,;])/g)] : []
      if (several.length < 2) {
        module.declarations.push({ kind, name, doc, code, isExported, module })
      } else {
        for (const [, name, value] of several) {
          module.declarations.push({
            kind,
            name,
            doc: '',
            code: `const ${name}: ${value};`,
            isExported,
          })
        }
      }
    }
  }
  // A class or driver without a docstring is described at the top of its file.
  for (const each of module.declarations) {
    if (each.doc === '' && (each.kind === 'class' || each.name === 'driver')) {
      each.doc = module.doc
    }
  }
  return module
}

/** Returns the docstring at the top of a source file: tsc drops it with the first import. */
function fileDoc(file) {
  const source = resolve(
    root,
    relative(root, file)
      .replace(/(^|\/)dist\//, '$1src/')
      .replace(/\.d\.ts$/, '.ts'),
  )
  const [doc = '', next] =
    readFileSync(existsSync(source) ? source : `${source}x`, 'utf8').match(PARTS) ?? []
  return doc.startsWith('/**') && /^(import|export (type )?[{*]|\/\*\*)/.test(next) ? doc : ''
}

/** Splits a text into its statements, each with the docstring before it. */
function statements(text) {
  const found = []
  let doc = ''
  for (const [part] of text.matchAll(PARTS)) {
    if (!part.startsWith('/**')) {
      found.push({ doc, code: part.trimEnd() })
    }
    doc = part.startsWith('/**') ? part : ''
  }
  return found
}

const KINDS = [
  ['Functions', ['function']],
  ['Classes', ['class']],
  ['Types', ['interface', 'type']],
  ['Modules', ['namespace']],
]

function pageOf(entry, doc, found, homes) {
  const names = [...found.keys()].sort()
  const of = kinds => names.filter(name => kinds.includes(found.get(name)[0].kind))
  const constants = of(['const', 'let'])
  const { linked, added } = typesBeside(found, homes)
  const links = [...linked]
    .sort()
    .map(([name, home]) => `[${name}](${home.page}#${home.name.toLowerCase()})`)
  return [
    `# ${entry}`,
    `What \`${entry}\` exports, made from the docstrings of the source.`,
    intro(doc),
    ...KINDS.flatMap(([heading, kinds]) =>
      of(kinds).length === 0
        ? []
        : [`## ${heading}`, ...of(kinds).map(name => section(name, found.get(name)))],
    ),
    ...(constants.length === 0
      ? []
      : ['## Constants', fence(constants.map(name => declaration(found.get(name)[0])).join('\n'))]),
    ...(links.length === 0 ? [] : ['## Types of other pages', links.join(', ')]),
    ...(added.size === 0
      ? []
      : [
          '## Types that are not exported',
          ...[...added.keys()].sort().map(name => section(name, added.get(name))),
        ]),
  ]
    .join('\n\n')
    .concat('\n')
}

/** Returns the docstring of a module without its name, as sentences. */
function intro(doc) {
  const words = text(doc).replace(/^'[\w/@]+': /, '')
  return words.replace(/^[a-z]+\b/, word => word[0].toUpperCase() + word.slice(1))
}
/** Returns a first sentence up to its colon. The next may start with a name in lower case. */
const lead = words => words.replace(/\s+/g, ' ').replace(/[.:] .*/, '.')

function section(name, declarations) {
  const [{ kind, doc, members }] = declarations
  if (kind === 'namespace') {
    return [
      `### ${name}`,
      text(doc),
      fence([...members.values()].flatMap(each => each.map(declaration)).join('\n')),
    ].join('\n\n')
  }
  const lines = declarations.map(each => (each.doc === doc ? each.code : declaration(each)))
  return [`### ${name}`, ...prose(doc), fence(lines.map(code).join('\n'))]
    .filter(part => part !== '')
    .join('\n\n')
}

/**
 * Returns the paragraphs of a docstring without its name, which is the heading, and without the
 * number of a step on a frame's path. A name of the kernel gets a paragraph of its own.
 */
function prose(doc) {
  const [prefix, name, kind] = /^(?:\(\d\) )?(?:(\w+)(?:, (an? ndo\w+))?: )?/.exec(text(doc))
  const words = text(doc).slice(prefix.length)
  if (name === undefined) return [words]
  const kernel = /^[a-z]+_/.test(name)
    ? [`In the kernel: \`${name}\`${kind ? `, ${kind}` : ''}.`]
    : []
  return [words[0].toUpperCase() + words.slice(1), ...kernel]
}
const fence = lines => `\`\`\`ts\n${lines}\n\`\`\``
const declaration = each => (each.doc === '' ? '' : `${each.doc}\n`) + code(each.code)
/** The accessors of src/packet, written out: most have no comment but their module's. */
const ACCESSORS = {
  Getter: '(bytes: Uint8Array, at: number): number',
  Setter: '(bytes: Uint8Array, at: number, value: number): void',
  Predicate: '(bytes: Uint8Array, at: number): boolean',
}
/** Returns a declaration without what a caller cannot use. */
export const code = text =>
  text
    .replace(/^export (declare )?/, '')
    .replace(
      /^const (\w+): (Getter|Setter|Predicate);/,
      (_, name, type) => `function ${name}${ACCESSORS[type]};`,
    )
    .replace(/\b_(?=\w+: )/g, '')
    .replace(/^ +#private;\n/gm, '')
    .replace(
      /^ +\/\*\*(?:(?!\*\/)[\s\S])*@internal[\s\S]*?\*\/\n.*(?:\n {8,}.*|\n {4}[}\])].*)*\n/gm,
      '',
    )
    .replace(/^ {4,}/gm, spaces => ' '.repeat(spaces.length / 2))
/** Returns a docstring without its stars. */
export const text = doc =>
  doc
    .replace(/^\/\*\* ?|\s*\*\/$/g, '')
    .replace(/^ \* ?/gm, '')
    .trim()

if (process.argv[1] === import.meta.filename) {
  const folder = resolve(root, 'docs/api')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const { pages, index } = apiReference()
  for (const [file, text] of [...pages, ['README.md', index]]) {
    writeFileSync(resolve(folder, file), text)
  }
}
