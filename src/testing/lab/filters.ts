/**
 * Compiles the filters of wires and faults in the thread of the lab. libpcap is loaded for a whole
 * process, so it must not end with a worker.
 */

import { encodeFilter, recording, type WireAttachment } from '../../control/protocol/wire-attachment.ts'
import { compileFilter } from '../../linux/pcap-filter.ts'
import { readTextFile } from '../../linux/regular-file.ts'
import type { WireResources } from '../../netdev/device-wire.ts'
import { parseWire } from '../../wire/parse.ts'
import type { Direction } from '../../wire/wire.ts'

export function compiled(filter: string): WireAttachment[] {
  return [encodeFilter(filter, compileFilter(filter))]
}

/**
 * Returns the filters in the text. `stage` returns own stages; by default every name is one. Throws
 * a UsageError if the text is wrong.
 */
export function filtersIn(
  { ab = '', ba = '' }: { readonly [D in Direction]?: string },
  stage?: WireResources['stage'] | undefined,
): WireAttachment[] {
  const found: WireAttachment[] = []
  const resources = recording({ filter: compileFilter, file: readTextFile }, each => {
    if (each.filter !== undefined) found.push(each)
  })
  const known = stage === undefined ? resources : { ...resources, stage }
  for (const [text, direction] of [[ab, 'ab'] as const, [ba, 'ba'] as const]) {
    parseWire(text, known, direction, { bareUs: false })
  }
  return found
}
