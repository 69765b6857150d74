/**
 * The types of names in the text of a driver, as far as patterns find them. The type of an
 * expression is that of its last name: all members of one name have one type in vnet.
 */

/** A declaration on one line, its first sentence, and the type of its value if it has members. */
export type Entry = readonly [code: string, doc: string, type?: string]
/** Declarations by their names. */
export type Entries = Readonly<Record<string, Entry>>

/** The table that scripts/editor-types.mjs makes of the declarations of 'vnet'. */
export interface TypeTable {
  readonly names: Readonly<Record<'vnet' | 'vnet/drivers' | 'vnet/pci', Entries>>
  /** Members, by the names of types and of namespaces. */
  readonly types: Readonly<Record<string, Entries>>
}

/** Returns a record's own property of this name: names in a text may be `constructor`. */
export const own = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined

/** The usual names of parameters and variables, which are not members. */
const USUAL: Readonly<Record<string, string>> = {
  peer: 'NetDevice',
  skb: 'SkBuff',
  napi: 'Napi',
  ring: 'Ring',
  context: 'DriverContext',
}

const elementOf = (type: string): string => type.replace(/\[\]$/, '')

/** Types that are defined by each other, and initializers that name each other, end there. */
const DEPTH_MAX = 4
/** The last declarations of a name that are read. */
const DECLARATIONS_MAX = 3

/** Finds the types of names in a text. Nothing is kept between texts. */
export class TextTypes {
  readonly #types: TypeTable['types']
  readonly #text: string
  /** The types of the values that vnet exports. */
  readonly #known: ReadonlyMap<string, string>

  constructor({ names, types }: TypeTable, text: string) {
    this.#types = types
    this.#text = text
    const tables = [...Object.values(types), names['vnet/pci'], names['vnet/drivers'], names.vnet]
    const entries = tables.flatMap(Object.entries<Entry>)
    this.#known = new Map(
      entries.flatMap(([name, [, , type]]) => (type === undefined ? [] : [[name, type]])),
    )
  }

  /** Returns the members of the expression that ends at a position; none if it is not known. */
  membersBefore(end: number): Entries {
    const type = this.#typeBefore(end) ?? ''
    const fields = type.startsWith('{')
      ? [...type.matchAll(/(\w+)\??: (\{[^{}]*\}|[^,;{}]+)/g)]
      : []
    return (
      own(this.#types, type) ??
      Object.fromEntries(fields.map(([code, name]): [string, Entry] => [name!, [code, '']]))
    )
  }

  /** Returns the type of a name at a position: `SkBuff`, `TxQueue[]`. */
  typeOf(name: string, at: number, depth = 0): string | undefined {
    const before = this.#text.slice(0, at)
    const declared = [...before.matchAll(declarationOf(name))].slice(-DECLARATIONS_MAX)
    for (const found of declared.reverse()) {
      const type = this.#resolved(this.#declaredBy(found, depth), depth)
      if (type !== undefined) return type
    }
    return this.#resolved(own(USUAL, name) ?? this.#known.get(name), depth)
  }

  /** Returns the type of the expression that ends at a position. */
  #typeBefore(end: number, depth = 0): string | undefined {
    const text = this.#text
    let at = end
    let isIndexed = false
    for (let last = text[at - 1]; last === ')' || last === ']'; last = text[at - 1]) {
      isIndexed ||= last === ']'
      at = openingOf(text, at - 1)
    }
    const [name = ''] = /[\w$]*$/.exec(text.slice(Math.max(at - 200, 0), at)) ?? []
    const isKnowable = name !== '' && depth <= DEPTH_MAX
    const type = isKnowable ? this.typeOf(name, end, depth + 1) : undefined
    return isIndexed && type ? elementOf(type) : type
  }

  /** Returns the type in a declaration. */
  #declaredBy(found: RegExpExecArray, depth: number): string | undefined {
    const { param, field, type, value = '' } = found.groups ?? {}
    const [, cast] = /^\/\*\* @type \{(.*?)\} \*\//.exec(value) ?? []
    const [, made] = /^new (\w+)/.exec(value) ?? []
    const annotation = param ?? field ?? type ?? cast ?? made
    if (annotation !== undefined) return annotation
    const [expression = ''] = /^[^;]*?(?=;?\s*$)/.exec(value) ?? []
    const start = found.index + found[0].length - value.length
    return this.#typeBefore(start + expression.length, depth)
  }

  /** Returns the type that an annotation names: of the table, of the text, or an object's. */
  #resolved(annotation: string | undefined, depth: number): string | undefined {
    const type = (annotation ?? '')
      .replace(/import\(['"]vnet(?:\/\w+)?['"]\)\./g, '')
      .replace(/^readonly | \| undefined$/g, '')
      .trim()
    if (type.startsWith('{') || depth > DEPTH_MAX) return type
    const name = type.replace(/<.*>/, '')
    const element = elementOf(name)
    if (Object.hasOwn(this.#types, element)) return name
    // `(a | b)`, or an annotation that is not complete yet.
    if (!/^\w+$/.test(element)) return undefined
    const definition = new RegExp(`@typedef \\{(.*)\\} ${element}\\b([^]*?)\\*/`)
    const [, alias, lines = ''] = definition.exec(this.#text) ?? []
    const properties = [...lines.matchAll(/@property \{(.*)\} (\w+)/g)].map(
      ([, of, field]) => `${field}: ${of}`,
    )
    const found = this.#resolved(alias === 'object' ? `{${properties}}` : alias, depth + 1)
    return found && (name === element ? found : `${found}[]`)
  }
}

/** Matches the declarations of a name. */
function declarationOf(name: string): RegExp {
  const word = name.replaceAll('$', '\\$')
  return new RegExp(
    `@(?:param|property) \\{(?<param>.*)\\} \\[?${word}\\b` +
      `|@typedef \\{\\{.*?\\b${word}\\??: (?<field>\\{[^{}]*\\}|[^,;{}]+)` +
      `|@type \\{(?<type>.*)\\}\\s*\\*/\\s*(?:const|let) ${word}\\b` +
      `|\\b(?:const|let) ${word} = (?<value>.*)`,
    'g',
  )
}

/** Returns the position of the bracket that the one at `at` closes. */
function openingOf(text: string, at: number): number {
  for (let depth = 0, i = at; i >= 0; i--) {
    if (')]}'.includes(text[i] as string)) {
      depth++
    }
    if ('([{'.includes(text[i] as string) && --depth === 0) return i
  }
  return 0
}
