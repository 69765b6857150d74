/** Parses the `wire` option of a link: a text for both directions, or for each of them. */

import { ETH_MAX_MTU, ETH_MIN_MTU } from 'vnet'
import { schema } from 'vnet/kit/config'
import type { WireAttachment } from 'vnet/kit/control'
import type { LinkCaller } from '../carrier/lab-calls.ts'
import type { Filters } from '../carrier/protocol.ts'
import { FLAG, type Form, type Forms } from '../model/options.ts'

/** The text of each direction. A missing direction has no text, or keeps its own. */
export interface WireDirections {
  /** From the first host to the second. */
  readonly ab?: string
  /** From the second host to the first. */
  readonly ba?: string
}

/** The impairments of a link: a text for both directions, or one for each. */
export type WireSpec = string | WireDirections

export const WIRE_TEXT: Form = { text: "a text such as 'delay 20ms'", schema: schema.anyText }
export const WIRE: Form = {
  accepts: value => typeof value === 'string' || isDirections(value),
  text: "a text such as 'delay 20ms', or { ab, ba } with the text of each direction",
  schema: schema.either(schema.anyText, schema.object({ ab: schema.anyText, ba: schema.anyText })),
}

/** The options of every link. */
export interface LabLinkOptions {
  /**
   * Impairments in both directions, such as `delay 20ms loss 1%`, or `{ ab, ba }`, where ab leads
   * from the first host to the second. Times have a unit.
   */
  readonly wire?: WireSpec
  /** The MTU of its interfaces. 1500 by default; below 1280 they have no IPv6. */
  readonly mtu?: number
  /** Records its frames at all ends. Without keepCaptures the file is removed with the lab. */
  readonly capture?: boolean
}

const MTU: Form = {
  text: `a whole number from ${ETH_MIN_MTU} to ${ETH_MAX_MTU}`,
  schema: schema.integer(ETH_MIN_MTU, ETH_MAX_MTU),
}

export const LINK_OPTIONS: Forms<LabLinkOptions> = { wire: WIRE, mtu: MTU, capture: FLAG }

/** Returns the text of each direction. A text for both is the text of each. */
export function directionsOf(wire: WireSpec): WireDirections {
  return typeof wire === 'string' ? { ab: wire, ba: wire } : wire
}

/**
 * Compiles the filters that the text names, each once. The worker reads the text, because few
 * threads of labs need its parser. Returns undefined without a text. Rejects with a UsageError.
 */
export function filtersOf(
  { ab = '', ba = '' }: WireDirections,
  worker: LinkCaller,
): Promise<Filters> | undefined {
  return ab === '' && ba === '' ? undefined : worker.call('filters', [ab, ba]).then(compiled)
}

/** Filters without names to look up, by their texts. A wire changes in small steps. */
const known = new Map<string, WireAttachment>()
const KNOWN_MAX = 1000

/**
 * Compiles filters in the thread of the lab: libpcap is loaded for a whole process, so it must not
 * end with a worker.
 */
export async function compiled(filters: readonly string[]): Promise<Filters> {
  if (filters.length === 0) return undefined
  const { encodeFilter } = await import('vnet/kit/control')
  const { compileFilter, nameIn } = await import('vnet/kit/net')
  return filters.map(filter => {
    const found = known.get(filter) ?? encodeFilter(filter, compileFilter(filter))
    if (known.size >= KNOWN_MAX) {
      known.clear()
    }
    if (nameIn(filter) === undefined) {
      known.set(filter, found)
    }
    return found
  })
}

function isDirections(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const entries = Object.entries(value).filter(([, text]) => text !== undefined)
  return (
    entries.length > 0 &&
    entries.every(([key, text]) => /^(ab|ba)$/.test(key) && typeof text === 'string')
  )
}
