/**
 * The table from which the editor of an exercise completes the names of 'vnet' and their members,
 * made of the declarations of the last build. packages/learn/src/browser/driver-types.ts reads it.
 */
import { apiReference, code, text } from './api-reference.mjs'
import { firstSentence } from './blocks.mjs'

/** A member of a class or an interface, with the docstring before it. */
const MEMBER =
  /(?:^ {2}(\/\*\*(?:(?!\*\/)[\s\S])*\*\/)\n)?^ {2}([\w$'].*(?:\n {4,}.*|\n {2}[}\])].*)*)/gm
/** What no caller uses as a member. */
const NO_MEMBER = /^(constructor|static|set|private|protected)\b/

/** Returns the names that drivers import, and the members of types by their names. */
export function editorTypes() {
  const { exports } = apiReference()
  const ofType = new Map()
  for (const { name, declarations } of exports) {
    if (/^(class|interface)$/.test(declarations[0].kind) && !ofType.has(name)) {
      ofType.set(name, declarations[0])
    }
  }
  const types = {}
  const names = { vnet: {}, 'vnet/drivers': {}, 'vnet/pci': {} }
  for (const { entry, name, declarations } of exports) {
    const [first] = declarations
    if (!(entry in names)) continue
    names[entry][name] = nameEntry(first)
    if (first.kind === 'namespace') {
      const members = [...first.members].map(([member, [declaration]]) => [
        member,
        nameEntry(declaration),
      ])
      types[name] = Object.fromEntries(members)
    } else if (ofType.get(name) === first) {
      types[name] = membersOf(first)
    }
  }
  // What members of these types are: `dev.net`.
  for (const members of Object.values({ ...types })) {
    for (const [, , type = ''] of Object.values(members)) {
      const name = type.replace('[]', '')
      if (!(name in types) && ofType.has(name)) {
        types[name] = membersOf(ofType.get(name))
      }
    }
  }
  yieldNames(types, Object.keys(names['vnet/pci']))
  for (const members of [...Object.values(names), ...Object.values(types)]) {
    for (const entry of Object.values(members)) {
      if (!isKnown(entry[2], types)) {
        entry.length = 2
      }
    }
  }
  return { names, types }
}

/**
 * The editor knows a member by its name alone: where a member of one of these types has the name of
 * a member of another type, such as `log`, it has no type.
 */
function yieldNames(types, yielding) {
  const known = new Map()
  for (const [type, members] of Object.entries(types)) {
    for (const [name, [, , of]] of Object.entries(members)) {
      if (of !== undefined && !yielding.includes(type)) {
        known.set(name, of)
      }
    }
  }
  for (const type of yielding) {
    for (const [name, entry] of Object.entries(types[type] ?? {})) {
      if (known.has(name) && known.get(name) !== entry[2]) {
        entry.length = 2
      }
    }
  }
}

/** A type that a driver declares is known to the editor: `dev.priv`. */
const isKnown = (type, types) => type === 'Priv' || type?.replace('[]', '') in types

/** Returns a name's declaration on one line, its first sentence, and the type of its value. */
function nameEntry({ kind, name, doc, code: source }) {
  if (kind === 'namespace') return [`namespace ${name}`, sentence(doc), name]
  const shown = code(source)
  if (kind === 'interface' || kind === 'type') return [`${kind} ${name}`, sentence(doc)]
  if (kind === 'const') return [line(shown), sentence(doc), typeIn(shown)]
  if (kind === 'function') return [line(shown), sentence(doc), typeIn(shown)]
  const [, parameters = '()'] = /^ {2}constructor(\([\s\S]*?\));$/m.exec(shown) ?? []
  return [line(`class ${name}${parameters}`), sentence(doc), name]
}

function membersOf({ code: source }) {
  const members = {}
  for (const [, doc = '', member] of code(source).matchAll(MEMBER)) {
    if (NO_MEMBER.test(member)) continue
    // An accessor is a property to its callers.
    const property = member.replace(/^get (\w+)\(\)/, '$1')
    const shown = line(property.replace(/^readonly /, ''))
    const [name] = /^[\w$]+/.exec(shown) ?? []
    if (name !== undefined && !(name in members)) {
      members[name] = [shown, sentence(doc.replace(/^ +\*/gm, ' *')), typeIn(shown)]
    }
  }
  return members
}
const line = shown =>
  shown
    .replace(/\/\*\*(?:(?!\*\/)[\s\S])*\*\//g, '')
    .replace(/\bimport\("[^"]*"\)\./g, '')
    .replace(/\s+/g, ' ')
    .replace(/;$/, '')
    .trim()

const sentence = doc => firstSentence(text(doc).split('\n\n')[0])

/** Returns the type of a property, of the result of a function, or of its elements with `[]`. */
function typeIn(shown) {
  const [, type = ''] =
    /^(?:const )?[\w$]+\??: (.*)$|\): ([^()]*)$/
      .exec(line(shown))
      ?.filter(each => each !== undefined) ?? []
  const bare = type.replace(/^readonly | \| undefined$/g, '').replace(/<.*>/, '')
  return /^[A-Z]\w*[a-z]\w*(\[\])?$/.test(bare) ? bare : undefined
}
