/** The headers of frames as people read them: fields with a name and a text. */
import { printable } from '../base/printable.ts'

export interface HeaderField {
  readonly name: string
  readonly value: string
}

/** A header of a frame: `IPv4`, and its fields in their order. */
export interface Header {
  readonly name: string
  readonly fields: readonly HeaderField[]
}

/** Returns a header with these fields, in their order. Undefined ones are left out. */
export function header(name: string, fields: Readonly<Record<string, string | number | undefined>>): Header {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined)
  return { name, fields: given.map(([name, value]) => ({ name, value: printable(`${value}`) })) }
}

/** Returns a header of which only `there` bytes were captured. */
export function cutOff(name: string, there: number, size: number | undefined): Header {
  const of = size === undefined ? '' : ` of ${size}`
  return header(name, { Note: `cut off: ${Math.max(0, there)}${of} bytes are here` })
}

/** Returns `0x0800` for four digits. */
export function hex(value: number, digits: number): string {
  return `0x${value.toString(16).padStart(digits, '0')}`
}

/** Returns `TCP (6)`; the number alone if it has no name. */
export function named(names: ReadonlyMap<number, string>, value: number, shown: string = `${value}`): string {
  const name = names.get(value)
  return name === undefined ? shown : `${name} (${shown})`
}
