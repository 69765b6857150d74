/** The part of JSON Schema that a configuration file is described by, and the TypeScript type that a description stands for. */

/** One description. `title` says in an error what was expected, with its article: `an IPv4 address`. */
export interface Schema {
  readonly $schema?: string
  readonly $id?: string
  readonly title?: string
  readonly description?: string
  readonly default?: unknown
  readonly examples?: readonly unknown[]
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'boolean' | 'null'
  readonly enum?: readonly string[]
  readonly const?: false
  readonly anyOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: false | Schema
  readonly items?: Schema
  readonly maxItems?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly pattern?: string
  readonly format?: 'ipv4' | 'ipv6'
}

/** One object type: an intersection would take what is no object. */
type Flat<T> = { [K in keyof T]: T[K] }

type Members<P, R extends string> = { readonly [K in keyof P as K extends R ? never : K]?: FromSchema<P[K]> } & {
  readonly [K in keyof P as K extends R ? K : never]: FromSchema<P[K]>
}

/** The type of what a description admits. */
export type FromSchema<S> = S extends { const: infer C }
  ? C
  : S extends { enum: readonly (infer E)[] }
    ? E
    : S extends { anyOf: readonly (infer A)[] }
      ? FromSchema<A>
      : S extends { type: 'object'; properties: infer P }
        ? Flat<Members<P, S extends { required: readonly (infer R extends string)[] } ? R : never>>
        : S extends { type: 'object'; additionalProperties: infer A }
          ? { readonly [key: string]: FromSchema<A> }
          : S extends { type: 'array'; items: infer I }
            ? readonly FromSchema<I>[]
            : S extends { type: infer T }
              ? Scalar<T>
              : never

type Scalar<T> = T extends 'string' ? string : T extends 'integer' ? number : T extends 'boolean' ? boolean : null
