/** The bodies of requests: JSON, read as Go's encoding/json reads it into a struct. */

import { didYouMean } from 'vnet/kit/base'

/** An error of the API: `{ "error": message, "status": status }`. */
export class ApiError extends Error {
  readonly status: number

  constructor(message: string, status: number) {
    super(message)
    this.status = status
  }
}

const bad = (reason: string) => new ApiError(`bad request body: ${reason}`, 400)

/** Characters of a value that a message repeats. */
const SHOWN_MAX = 60

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

/** Returns a body as JSON. Throws an ApiError with status 400 for an empty or a malformed one. */
export function jsonOf(body: string): unknown {
  if (body.trim() === '') throw bad('EOF')
  try {
    return JSON.parse(body)
  } catch (error) {
    throw bad((error as Error).message)
  }
}

/** Returns the elements of a body; none for null. Throws an ApiError. */
export function listOf(body: string): readonly unknown[] {
  const given = jsonOf(body) ?? []
  if (!Array.isArray(given)) throw bad(`cannot unmarshal ${typeOf(given)} into a list`)
  return given
}

/**
 * Returns the defaults with the fields of the same types that are given, whatever the case of their
 * names. Null keeps a default; other fields are ignored. Numbers are whole, except `fractions`.
 * Throws an ApiError.
 */
export function fieldsOf<T extends object>(
  given: unknown,
  defaults: T,
  fractions: readonly string[] = [],
): T {
  if (given === null) return defaults
  if (typeOf(given) !== 'object') throw bad(`cannot unmarshal ${typeOf(given)} into an object`)
  const fields = { ...defaults } as Record<string, unknown>
  for (const [key, value] of Object.entries(given as object)) {
    const name = key.toLowerCase()
    if (value === null || !Object.hasOwn(fields, name)) continue
    const type = typeOf(fields[name])
    const isRight =
      typeOf(value) === type &&
      (type !== 'number' || fractions.includes(name) || Number.isInteger(value))
    if (!isRight) throw bad(`cannot unmarshal ${shown(value)} into the ${type} ${name}`)
    fields[name] = value
  }
  return fields as T
}

/** Throws an ApiError for a field, of any case, that is not one of `known`. */
export function checkFields(given: object, known: readonly string[], what: string): void {
  const unknown = Object.keys(given).find(key => !known.includes(key.toLowerCase()))
  if (unknown === undefined) return
  const name = shortened(JSON.stringify(unknown))
  const others = known.length === 0 ? 'it takes none' : `it takes ${known.join(', ')}`
  throw new ApiError(`${what} has no ${name}: ${others}${didYouMean(unknown, known)}`, 400)
}

/** Returns the type of a value, and the value if it is short. */
const shown = (value: unknown) =>
  typeof value === 'object' ? typeOf(value) : `${typeOf(value)} ${shortened(JSON.stringify(value))}`

const shortened = (text: string) =>
  text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}...` : text
