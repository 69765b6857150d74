/** Descriptions of files as JSON Schema, made by functions that give each its TypeScript type. */

/** The part of JSON Schema that is used. `title` is the expected value: `an IPv4 address`. */
export interface Schema {
  readonly $schema?: string
  readonly title?: string
  readonly description?: string
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'boolean' | 'null'
  readonly enum?: readonly (string | false)[]
  readonly anyOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: false | Schema
  readonly propertyNames?: Schema
  readonly items?: Schema
  readonly minItems?: number
  readonly maxItems?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly maxLength?: number
  readonly pattern?: string
  readonly format?: string
  /** A rule that the other properties cannot express. JSON Schema has no such property. */
  readonly accepts?: (text: string) => boolean
}

/** A schema of values of type T. `$type` exists for the compiler only. */
export interface Typed<T> extends Schema {
  readonly $type?: () => T
}
export type TypeOf<S> = S extends Typed<infer T> ? T : never
/** Makes one object type of an intersection. */
type Flat<T> = { readonly [K in keyof T]: T[K] }

/** A text; `title` names the expected value in error messages. */
export const string = (title: string, rules: Schema): Typed<string> => ({
  type: 'string',
  title,
  ...rules,
})
export const integer = (
  minimum: number,
  maximum: number,
  title = 'a whole number',
): Typed<number> => {
  return { type: 'integer', title, minimum, maximum }
}
/** One of these values and no other. */
export const oneOf = <W extends string | false>(...values: W[]): Typed<W> => ({ enum: values })
export const list = <T>(items: Typed<T>): Typed<readonly T[]> => ({ type: 'array', items })
/** A value of any of these schemas. */
export const either = <S extends readonly Typed<unknown>[]>(
  ...anyOf: S
): Typed<TypeOf<S[number]>> => ({ anyOf })
export const oneOrMore = <T>(schema: Typed<T>) => either(schema, list(schema))
/** An object with any names, in which all values have one schema. */
export const record = <T>(additionalProperties: Typed<T>): Typed<{ readonly [key: string]: T }> => {
  return { type: 'object', additionalProperties }
}
/** An object with these properties and no others, of which `required` must be present. */
export const object = <
  P extends Record<string, Typed<unknown>>,
  R extends keyof P & string = never,
>(
  properties: P,
  ...required: R[]
): Typed<Flat<{ [K in Exclude<keyof P, R>]?: TypeOf<P[K]> } & { [K in R]: TypeOf<P[K]> }>> => {
  const rules = required.length === 0 ? {} : { required }
  return { type: 'object', properties, ...rules, additionalProperties: false }
}
/** The same schema with a description, for editors. */
export const about = <T>(description: string, schema: Typed<T>): Typed<T> => ({
  ...schema,
  description,
})

export const anyText: Typed<string> = { type: 'string' }
export const flag: Typed<boolean> = { type: 'boolean' }

/** Whether a schema of a single value, without `anyOf`, admits this one. */
export function admits(schema: Schema, value: unknown): boolean {
  if (schema.enum !== undefined) return schema.enum.some(each => each === value)
  if (schema.type === 'null') return value === null
  if (schema.type === 'boolean') return typeof value === 'boolean'
  if (schema.type === 'string') return typeof value === 'string' && isText(schema, value)
  if (schema.type !== 'integer' || typeof value !== 'number' || !Number.isSafeInteger(value)) {
    return false
  }
  return value >= (schema.minimum ?? value) && value <= (schema.maximum ?? value)
}

function isText(
  { accepts, pattern, maxLength = Number.POSITIVE_INFINITY }: Schema,
  value: string,
): boolean {
  if (accepts !== undefined) return accepts(value)
  return (
    value.length <= maxLength && (pattern === undefined || new RegExp(pattern, 'u').test(value))
  )
}
