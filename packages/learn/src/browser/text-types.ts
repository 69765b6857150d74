/** The types of expressions in the text of a driver, as far as patterns find them. */

/** A declaration on one line, its first sentence, and the type of its value if it has members. */
export type Entry = readonly [code: string, doc: string, type?: string]
export type Entries = Readonly<Record<string, Entry>>

export interface TypeTable {
  readonly names: Readonly<Record<'vnet' | 'vnet/drivers', Entries>>
  /** Members, by the names of types and of namespaces. */
  readonly types: Readonly<Record<string, Entries>>
}

export const own = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined

/** The usual names of parameters and variables. */
const USUAL: Readonly<Record<string, string>> = {
  dev: 'NetDevice',
  peer: 'NetDevice',
  skb: 'SkBuff',
  copy: 'SkBuff',
  clone: 'SkBuff',
  txq: 'TxQueue',
  napi: 'Napi',
  irq: 'Irq',
  ring: 'Ring',
  net: 'Net',
  clock: 'Clock',
  alarm: 'Alarm',
  context: 'DriverContext',
}

const elementOf = (type: string): string => type.replace(/\[\]$/, '')

/** A part of `dev.tx[0].dev`. */
type Link = Readonly<{ name: string; isIndexed: boolean }>

/** Types that are defined by each other, and initializers that name each other, end there. */
const DEPTH_MAX = 8

export class TextTypes {
  readonly #table: TypeTable
  readonly #text: string
  #depth = 0

  constructor(table: TypeTable, text: string) {
    this.#table = table
    this.#text = text
  }

  /** Returns the members of the expression that ends at a position; none if it is not known. */
  membersBefore(end: number): Entries {
    return this.#membersOf(this.#ofExpression(end))
  }

  /** Returns the type of a variable at a position: `SkBuff`, `TxQueue[]`. */
  ofVariable(name: string, at: number): string | undefined {
    const { names, types } = this.#table
    const declared = this.#declared(name, at)
    if (declared !== undefined) return this.#resolved(declared)
    const usual = own(USUAL, name) ?? own(names.vnet, name)?.[2] ?? own(names['vnet/drivers'], name)?.[2]
    return usual !== undefined && Object.hasOwn(types, elementOf(usual)) ? usual : undefined
  }

  #ofExpression(end: number): string | undefined {
    const [first, ...links] = this.#chainBefore(end)
    if (first === undefined || this.#depth > DEPTH_MAX) return undefined
    this.#depth++
    const indexed = (type: string | undefined, { isIndexed }: Link) => (isIndexed && type ? elementOf(type) : type)
    let type = indexed(this.ofVariable(first.name, end), first)
    for (const link of links) type = indexed(this.#resolved(own(this.#membersOf(type), link.name)?.[2]), link)
    this.#depth--
    return type
  }

  /** Returns the parts of the chain of members, calls and indices that ends at a position. */
  #chainBefore(end: number): Link[] {
    const links: Link[] = []
    for (let at = end; ; ) {
      let isIndexed = false
      for (let last = this.#text[at - 1]; last === ')' || last === ']'; last = this.#text[at - 1]) {
        isIndexed ||= last === ']'
        at = this.#opening(at - 1)
      }
      const before = this.#text.slice(Math.max(at - 200, 0), at)
      const [, dot, name = ''] = /(\s*\??\.)?([\w$]*)$/.exec(before) ?? []
      if (name === '') return []
      links.unshift({ name, isIndexed })
      if (dot === undefined) return links
      at -= dot.length + name.length
    }
  }

  /** Returns the position of the bracket that the one at `at` closes. */
  #opening(at: number): number {
    for (let depth = 0, i = at; i >= 0; i--) {
      if (')]}'.includes(this.#text[i] as string)) depth++
      if ('([{'.includes(this.#text[i] as string) && --depth === 0) return i
    }
    return 0
  }

  /** Returns the type that the last declaration before a position gives to a variable. */
  #declared(name: string, at: number): string | undefined {
    const before = this.#text.slice(0, at)
    const word = name.replaceAll('$', '\\$')
    const declaration = new RegExp(
      `@param \\{(?<param>.*)\\} \\[?${word}\\b` +
        `|@type \\{(?<type>.*)\\}\\s*\\*/\\s*(?:const|let) ${word}\\b` +
        `|\\b(?:const|let) (?:${word}|\\{(?<fields>[^{}=]*\\b${word}\\b[^{}=]*)\\}) = (?<value>.*)`,
      'g',
    )
    const { param, type, fields, value = '', end = 0 } = lastOf(before, declaration)
    if (param !== undefined || type !== undefined) return param ?? type
    const [, cast] = /^\/\*\* @type \{(.*?)\} \*\//.exec(value) ?? []
    const [, made] = /^new (\w+)/.exec(value) ?? []
    if (cast !== undefined || made !== undefined) return cast ?? made
    const [expression = ''] = /^[^;]*?(?=;?\s*$)/.exec(value) ?? []
    if (expression === '') return undefined
    const found = this.#ofExpression(end - value.length + expression.length)
    return fields === undefined ? found : own(this.#membersOf(found), name)?.[2]
  }

  /** Returns the type that an annotation names: of the table, of the text, or an object's. */
  #resolved(annotation: string | undefined): string | undefined {
    const type = (annotation ?? '')
      .replace(/import\(['"]vnet['"]\)\./g, '')
      .replace(/^readonly | \| undefined$/g, '')
      .trim()
    if (type === '' || type.startsWith('{') || this.#depth > DEPTH_MAX) return type || undefined
    const name = type.replace(/<.*>/, '')
    const element = elementOf(name)
    // `(a | b)`, or an annotation that is not complete yet.
    if (!/^[\w$]+$/.test(element)) return undefined
    if (Object.hasOwn(this.#table.types, element)) return name
    const [, alias] = new RegExp(`@typedef \\{(.*)\\} ${element.replaceAll('$', '\\$')}\\b`).exec(this.#text) ?? []
    if (alias === undefined) return undefined
    if (alias === 'object') return `object ${name}`
    this.#depth++
    const found = this.#resolved(alias)
    this.#depth--
    return found && (name === element ? found : `${found}[]`)
  }

  #membersOf(type = ''): Entries {
    const known = own(this.#table.types, type)
    if (known !== undefined) return known
    const lines: [string, string][] = type.startsWith('{')
      ? fieldsOf(type.slice(1, -1))
      : type.startsWith('object ')
        ? this.#properties(type.slice('object '.length))
        : []
    return Object.fromEntries(lines.map(([name, of]) => [name, [`${name}: ${of}`, '', of]]))
  }

  /** Returns the `@property` lines of a typedef. */
  #properties(name: string): [string, string][] {
    const [, , lines = ''] = new RegExp(`@typedef \\{object\\} (${name})\\b([\\s\\S]*?)\\*/`).exec(this.#text) ?? []
    return [...lines.matchAll(/@property \{(.*)\} (\w+)/g)].map(([, type = '', field = '']) => [field, type])
  }
}

function lastOf(text: string, pattern: RegExp): Record<string, string | undefined> & { end?: number } {
  const found = [...text.matchAll(pattern)].at(-1)
  return { ...found?.groups, end: found && found.index + found[0].length } as Record<string, undefined>
}

/** Splits `a: number, b: { c: string }` at its outer commas. */
function fieldsOf(list: string): [string, string][] {
  let depth = 0
  const parts = ['']
  for (const character of list) {
    if ('{(<['.includes(character)) depth++
    if ('})>]'.includes(character)) depth--
    if (depth === 0 && ',;'.includes(character)) parts.push('')
    else parts[parts.length - 1] += character
  }
  return parts.flatMap(part => {
    const [, name, type] = /^\s*(?:readonly )?(\w+)\??: (.*?)\s*$/.exec(part) ?? []
    return name === undefined || type === undefined ? [] : [[name, type] as [string, string]]
  })
}
