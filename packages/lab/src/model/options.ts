/**
 * Options and arguments of the kit. Unknown values are refused in one line, because a test that
 * runs without them would pass by mistake.
 */
import { inspect } from 'node:util'
import { attempt, UsageError } from 'vnet'
import { checkOptions, didYouMean, durationOf, listed } from 'vnet/kit/base'
import { schema as schemaHeader } from 'vnet/kit/config'
import { parseSize } from 'vnet/kit/wire'

/** The form that a value must have. */
export interface Form {
  /** Follows "is not" in the error: `a whole number`. */
  readonly text: string
  /** Its values in a lab file. Any by default. */
  readonly schema?: schemaHeader.Schema
  /** Its values in a program, if they are others. By default, the values of the schema. */
  readonly accepts?: (value: unknown) => boolean
}

/** A form for each option of a function, so that the compiler finds an option without one. */
export type Forms<Options> = { readonly [Key in keyof Options]-?: Form }

/** For options that are checked where they are used. */
export const ANY: Form = { accepts: () => true, text: '' }
export const anyOf = <Name extends string>(...names: readonly Name[]) =>
  Object.fromEntries(names.map(name => [name, ANY])) as Record<Name, Form>
export const FUNCTION: Form = { accepts: value => typeof value === 'function', text: 'a function' }
export const FLAG: Form = { text: 'true or false', schema: schemaHeader.flag }
export const WHOLE_NUMBER: Form = {
  text: 'a whole number',
  schema: schemaHeader.integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
}
/** The size of a disk: from 64 KiB to 1 TiB. */
const isSize = (text: string) => {
  const bytes = attempt(() => parseSize(text)) ?? 0
  return bytes >= 2 ** 16 && bytes <= 2 ** 40
}
export const SIZE = {
  text: "a size, such as '256MiB'",
  schema: schemaHeader.string('a size, such as 256MiB', { accepts: isSize }),
} satisfies Form
export const COUNT: Form = {
  text: 'a whole number of at least 1',
  schema: schemaHeader.integer(1, Number.MAX_SAFE_INTEGER),
}
export const SIGNAL: Form = { accepts: value => isSignal(value), text: 'an AbortSignal' }
export const LIST: Form = { accepts: Array.isArray, text: 'a list' }
const port = schemaHeader.integer(1, 65_535)
export const PORTS: Form = {
  accepts: value => Array.isArray(value) && value.every(each => schemaHeader.admits(port, each)),
  text: 'a list of TCP ports',
  schema: schemaHeader.list(port),
}
export const OBJECT = { accepts: isObject, text: 'an object' } satisfies Form
export const DURATION = {
  accepts: (value: unknown) =>
    (typeof value === 'string' || typeof value === 'number') && durationOf(value) > 0,
  text: "a duration, such as '30s'",
  schema: schemaHeader.either(
    schemaHeader.anyText,
    schemaHeader.integer(1, Number.MAX_SAFE_INTEGER),
  ),
} satisfies Form
const OPTIONS: Form = { ...OBJECT, text: 'an object with options' }
const NONE: Form = { accepts: () => false, text: 'expected: the function takes no arguments' }

/** Returns a wrong value for an error: one short line. */
export function shown(value: unknown): string {
  if (value instanceof Promise) return 'a promise (await it)'
  return inspect(value, {
    depth: 0,
    breakLength: Number.POSITIVE_INFINITY,
    maxArrayLength: 3,
    maxStringLength: 200,
  })
}

/**
 * Throws a UsageError, in one line that starts with `what`, for a value that does not have the
 * form.
 */
export function checkForm(what: string, value: unknown, { text, schema, accepts }: Form): void {
  if (accepts?.(value) ?? (schema === undefined || schemaHeader.admits(schema, value))) return
  const words = schema?.enum?.filter(word => word !== false) ?? []
  const meant = typeof value === 'string' ? didYouMean(value, words) : ''
  throw new UsageError(`${what}: ${shown(value)} is not ${text}${meant}`)
}

/** Returns the known names for the error about a wrong one, and the name that may be meant. */
export function namesFor(wrong: string, known: readonly string[]): string {
  return listed(known) + didYouMean(wrong, known)
}

/** The form of an option that is one of some words; `what` names it: 'a NAT, which are'. */
export function wordOf(what: string, words: readonly string[]): Form {
  return { text: `${what} ${words.join(', ')}`, schema: schemaHeader.oneOf(...words) }
}

/** Throws a UsageError unless `options` is an object of known options, each of its form. */
export function checkForms<Options>(what: string, options: unknown, forms: Forms<Options>): void {
  checkForm(what, options, OPTIONS)
  checkOptions(what, options as object, Object.keys(forms))
  for (const [name, value] of Object.entries(options as object)) {
    if (value !== undefined) {
      checkForm(`${what}: ${name}`, value, forms[name as keyof Options])
    }
  }
}

/** Returns the schema of options in a lab file. `own` have other values there. */
export function schemaOf(
  forms: Readonly<Record<string, Form>>,
  own: Readonly<Record<string, schemaHeader.Schema>>,
): schemaHeader.Schema {
  const properties = Object.entries(forms).map(([name, { schema = {} }]) => [name, schema])
  return {
    type: 'object',
    properties: { ...Object.fromEntries(properties), ...own },
    additionalProperties: false,
  }
}

/** Throws a UsageError if a function that takes no arguments is given one, other than undefined. */
export function checkNone(what: string, values: readonly unknown[]): void {
  for (const value of values) {
    if (value !== undefined) {
      checkForm(what, value, NONE)
    }
  }
}

/** Returns whether a value is a plain object: not a list, and not an instance of a class. */
function isObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** A signal may come from another realm, such as the realm of a test. */
function isSignal(value: unknown): boolean {
  const { aborted, addEventListener } = (value ?? {}) as Partial<AbortSignal>
  return typeof aborted === 'boolean' && typeof addEventListener === 'function'
}
