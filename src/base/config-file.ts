/** YAML or JSON with a schema: all problems of a file are reported together, with positions. */
import * as yaml from 'yaml'
import { admits, type Schema } from './schema.ts'
import { FileError, UsageError } from './usage-error.ts'
import messages from './yaml-messages.json' with { type: 'json' }

/** The number of problems that are reported; the others are counted. */
const MOST = 10
const KINDS = { array: 'a list', string: 'text', boolean: 'true or false', null: 'null' }
/** Replace messages of the yaml package that name parts of its parser. */
const MESSAGES: { readonly [C in yaml.ErrorCode]?: string } = messages

export class ConfigFile {
  /** The offset in the text of each part, by its path: `hosts[3].ip`. Defaults are not in it. */
  readonly places = new Map<string, number>()
  /** By path: the first problem of a part causes the others. */
  readonly #found = new Map<string, { readonly offset: number; readonly message: string }>()
  readonly #name: string | undefined
  readonly #lines = new yaml.LineCounter()

  /** `name` is the file's name; undefined for options and parameters, which have no positions. */
  constructor(name: string | undefined) {
    this.#name = name
  }

  /** Returns the value of `text`, undefined for an empty file. Throws as throwIfAny() does. */
  read(text: string, schema: Schema): unknown {
    const value = this.#parse(text, schema)
    this.throwIfAny()
    return value
  }

  #parse(text: string, schema: Schema): unknown {
    const options = { lineCounter: this.#lines, prettyErrors: false, logLevel: 'error' } as const
    try {
      // Version 1.2 with strings as keys, whatever version %YAML gives.
      const restricted = { stringKeys: true, schema: 'core', resolveKnownTags: false, merge: false }
      // The package compares each key with all keys before it; `mapping` finds equal ones.
      const linear = { uniqueKeys: false }
      const { contents, errors, warnings } = yaml.parseDocument(text, {
        ...options,
        ...restricted,
        ...linear,
      })
      // Those that follow are usually consequences of the first.
      const [first] = [...errors, ...warnings]
      if (first !== undefined) {
        this.add('', MESSAGES[first.code] ?? first.message, first.pos[0])
      } else if (contents !== null && !(yaml.isScalar(contents) && contents.value === null)) {
        return validate(contents, schema, this)
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      this.add('', messages.RESOURCE_EXHAUSTION, 0)
    }
    return undefined
  }

  /** Reports a problem of the part at `path`, or at `offset` of the text. */
  add(path: string, message: string, offset = this.#offset(path)): void {
    if (!this.#found.has(path)) {
      this.#found.set(path, { offset, message })
    }
  }

  /** The path of entry `i` of a list, or of the single value that replaces the list. */
  entry(path: string, i: number): string {
    const entry = `${path}[${i}]`
    return this.places.has(entry) ? entry : path
  }

  /** Returns `hosts[3].ip (lan.yaml:12:5)`. */
  describe(path: string): string {
    const offset = this.places.get(path)
    if (offset === undefined) return `${path} (the default)`
    return this.#name === undefined ? path : `${path} (${this.#position(offset)})`
  }

  /** Throws a FileError with a line for each problem; without a file, a UsageError of one line. */
  throwIfAny(): void {
    if (this.#found.size === 0) return
    const sorted = [...this.#found].toSorted(([, one], [, other]) => one.offset - other.offset)
    const lines = sorted.slice(0, MOST).map(([path, { offset, message }]) => {
      const place = this.#name === undefined ? [] : [this.#position(offset)]
      const parts = [...place, ...(path === '' ? [] : [path]), message]
      return parts.join(': ').replaceAll(/\s*[\r\n\u2028\u2029]\s*/g, ' ')
    })
    const more = sorted.length > MOST ? [`and ${sorted.length - MOST} more`] : []
    if (this.#name === undefined) throw new UsageError([...lines, ...more].join('; '))
    throw new FileError([...lines, ...more.map(text => `${this.#name}: ${text}`)].join('\n'))
  }

  /** The offset of a part, or of the innermost part around it that is in the file. */
  #offset(path: string): number {
    let around = path
    while (around !== '' && !this.places.has(around)) {
      around = around.slice(0, Math.max(0, around.lastIndexOf('.'), around.lastIndexOf('[')))
    }
    return this.places.get(around) ?? 0
  }

  /** Returns `lan.yaml:12:5`. */
  #position(offset: number): string {
    const { line, col } = this.#lines.linePos(offset)
    return `${this.#name}:${Math.max(1, line)}:${Math.max(1, col)}`
  }
}

/**
 * Returns the value of `node`, and records the position of each of its parts in `problems.places`.
 * Parts that do not match `schema` are reported to `problems`: the value must not be used then.
 * `node` is at `path` of the file, an empty value at `offset`.
 */
function validate(
  node: unknown,
  schema: Schema,
  problems: ConfigFile,
  path = '',
  offset = 0,
): unknown {
  const at = (node as yaml.Node | null)?.range?.[0] ?? offset
  problems.places.set(path, at)
  const branch = (schema.anyOf ?? [schema]).find(each => accepts(each, node))
  if (branch === undefined) {
    problems.add(path, `expected ${expected(schema)}, got ${found(node)}`)
  } else if (yaml.isMap(node)) {
    return mapping(node as yaml.YAMLMap<yaml.Node, unknown>, branch, problems, path, at)
  } else if (yaml.isSeq(node)) {
    const { items = {}, minItems = 0, maxItems = Number.POSITIVE_INFINITY } = branch
    const { length } = node.items
    if (length < minItems) {
      problems.add(path, `expected at least ${minItems} ${minItems === 1 ? 'entry' : 'entries'}`)
    }
    if (length > maxItems) {
      problems.add(path, `expected at most ${maxItems} entries, got ${length}`)
    }
    return node.items.map((item, i) => validate(item, items, problems, `${path}[${i}]`, at))
  }
  return yaml.isScalar(node) ? node.value : undefined
}

function mapping(
  map: yaml.YAMLMap<yaml.Node, unknown>,
  schema: Schema,
  problems: ConfigFile,
  path: string,
  at: number,
): object {
  const {
    properties = {},
    required = [],
    additionalProperties = isAny(schema) && {},
    propertyNames,
  } = schema
  const names = new Set<string>()
  const entry = ({ key, value }: yaml.Pair<yaml.Node, unknown>): [string, unknown][] => {
    const name = String(yaml.isScalar(key) ? key.value : key)
    const below = path === '' ? name : `${path}.${name}`
    const offset = key.range?.[0] ?? at
    if (names.has(name)) {
      problems.add(below, 'the mapping has this key already', offset)
    }
    names.add(name)
    if (propertyNames !== undefined) {
      validate(key, propertyNames, problems, below, offset)
    }
    const own = Object.hasOwn(properties, name) ? properties[name] : additionalProperties
    if (own) return [[name, validate(value, own, problems, below, offset)]]
    problems.add(below, `unknown key (known: ${Object.keys(properties).join(', ')})`, offset)
    return []
  }
  const entries = map.items.flatMap(entry)
  for (const name of required) {
    if (!names.has(name)) {
      problems.add(path, `${name} is missing`)
    }
  }
  // Assigning the key __proto__ would set the prototype.
  return Object.fromEntries(entries)
}

/** Whether a mapping or list may be where `node` is; of a scalar, whether its value is valid. */
function accepts(schema: Schema, node: unknown): boolean {
  if (isAny(schema)) return !yaml.isAlias(node)
  if (schema.anyOf !== undefined) return schema.anyOf.some(each => accepts(each, node))
  if (yaml.isMap(node)) return schema.type === 'object'
  if (yaml.isSeq(node)) return schema.type === 'array'
  return yaml.isScalar(node) && admits(schema, node.value)
}

/** Whether a schema admits every value. */
function isAny({ type, anyOf, enum: values }: Schema): boolean {
  return type === undefined && anyOf === undefined && values === undefined
}

/** The values that a schema admits, as text. */
function expected({ type = 'null', title, minimum, maximum, anyOf, enum: values }: Schema): string {
  if (anyOf !== undefined) return [...new Set(anyOf.map(expected))].join(' or ')
  if (values !== undefined) return values.join(', ')
  if (type === 'object') return 'a mapping'
  if (type !== 'integer') return title ?? KINDS[type]
  return `${title ?? 'a whole number'}${minimum === undefined ? '' : ` from ${minimum} to ${maximum}`}`
}

/** A node as text: a scalar as written, in quotes, cut after 60 characters. */
function found(node: unknown): string {
  if (yaml.isMap(node)) return 'a mapping'
  if (yaml.isSeq(node)) return 'a list'
  if (yaml.isAlias(node)) return 'an alias'
  if (!yaml.isScalar(node) || node.value === null) return 'nothing'
  const source = typeof node.value === 'string' ? node.value : (node.source ?? String(node.value))
  const cut = source.length > 60 ? `${source.slice(0, 57)}...` : source
  return `'${JSON.stringify(cut).slice(1, -1).replaceAll('\\"', '"')}'`
}
