/** The table of scripts/editor-types.mjs: what 'vnet' and 'vnet/drivers' export. */

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
