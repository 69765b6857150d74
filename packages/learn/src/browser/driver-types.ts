/**
 * Completions and explanations in the editor: names of 'vnet' and members of its types, from the
 * table of scripts/editor-types.mjs. No type checker runs: the types of variables are read from
 * JSDoc, from simple initializers, and from the usual names.
 */
import { type Entries, type Entry, own, TextTypes, type TypeTable } from './text-types.ts'

type Change = Readonly<{ from: number; insert: string }>

/** A completion: a name, its declaration on one line, and its explanation. */
export interface Option {
  readonly name: string
  readonly code: string
  readonly doc: string
  /** The change that imports the name, if the text does not yet. */
  readonly imports?: Change | undefined
}

/** Options for the text from a position up to the cursor. */
export type Options = Readonly<{ from: number; options: readonly Option[] }>

/** The explanation of the name from `from` to `to` in the text. */
export interface Info extends Pick<Option, 'code' | 'doc'> {
  readonly from: number
  readonly to: number
}

const isType = ([code]: Entry) => /^(interface|type) /.test(code)
const optionsOf = (entries: Entries): Option[] =>
  Object.entries(entries).map(([name, [code, doc]]) => ({ name, code, doc }))

/** Returns the options at a position; undefined without any. */
export function optionsAt(table: TypeTable, text: string, at: number): Options | undefined {
  const before = text.slice(0, at)
  const [word = ''] = /[\w$]*$/.exec(before) ?? []
  const from = at - word.length
  const names = namesAt(table, text, from)
  return names.length === 0 ? undefined : { from, options: names }
}

function namesAt(table: TypeTable, text: string, from: number): Option[] {
  const before = text.slice(0, from)
  const { vnet } = table.names
  const [, module = ''] = /import\(['"](vnet(?:\/\w+)?)['"]\)\.$/.exec(before) ?? []
  const exported = own(table.names, module)
  if (exported !== undefined) return optionsOf(exported)
  const dot = /\??\.$/.exec(before)
  if (dot !== null) return optionsOf(new TextTypes(table, text).membersBefore(dot.index))
  if (/\bimport\s*\{[^}]*$/.test(before)) {
    const source = /^[^}]*\}\s*from\s*['"](.*?)['"]/.exec(text.slice(before.length))?.[1] ?? 'vnet'
    return optionsOf(own(table.names, source) ?? {})
  }
  const values = Object.fromEntries(Object.entries(vnet).filter(([, entry]) => !isType(entry)))
  return [
    ...optionsOf(values).map(option => ({ ...option, imports: importOf(text, option.name) })),
    ...optionsOf(own(table.types, 'NetDeviceOps') ?? {}),
  ]
}

/** Returns the change that adds a name to the import of 'vnet'; undefined if it is imported. */
function importOf(text: string, name: string): Change | undefined {
  const found = /\bimport\s*\{([^}]*)\}\s*from\s*['"]vnet['"]/.exec(text)
  if (found === null) return { from: 0, insert: `import { ${name} } from 'vnet'\n` }
  const [statement, list = ''] = found
  if (list.split(/[\s,]+/).includes(name)) return undefined
  const start = found.index + statement.indexOf('{') + 1
  const [space = ' '] = /^\s*/.exec(list) ?? []
  return { from: start, insert: list.trim() === '' ? ` ${name} ` : `${space || ' '}${name},` }
}

/** Returns the declaration of the name at a position; undefined for other text. */
export function infoAt(table: TypeTable, text: string, at: number): Info | undefined {
  const [start = ''] = /[\w$]*$/.exec(text.slice(0, at)) ?? []
  const [end = ''] = /^[\w$]*/.exec(text.slice(at)) ?? []
  const [from, to, name] = [at - start.length, at + end.length, start + end]
  if (name === '') return undefined
  const types = new TextTypes(table, text)
  const before = text.slice(0, from)
  const dot = /\??\.$/.exec(before)
  const isTypeName = /import\(['"]vnet(?:\/\w+)?['"]\)\.$/.test(before)
  const entry =
    dot && !isTypeName
      ? own(types.membersBefore(dot.index), name)
      : nameEntry(table, name, isTypeName)
  if (entry !== undefined) return { from, to, code: entry[0], doc: entry[1] }
  const type = dot ? undefined : types.typeOf(name, from)
  return type === undefined
    ? undefined
    : { from, to, code: `${name}: ${type}`, doc: own(table.names.vnet, type)?.[1] ?? '' }
}

function nameEntry(
  { names, types }: TypeTable,
  name: string,
  isTypeName: boolean,
): Entry | undefined {
  const found =
    own(names.vnet, name) ?? own(names['vnet/drivers'], name) ?? own(names['vnet/pci'], name)
  if (found !== undefined && (isTypeName || !isType(found))) return found
  return own(own(types, 'NetDeviceOps') ?? {}, name)
}
