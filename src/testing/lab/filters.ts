/**
 * Compiles the filters of wires and faults in the thread of the lab. libpcap is loaded for a whole
 * process, so it must not end with a worker.
 */

import { UsageError } from '../../base/usage-error.ts'
import { encodeFilter, type WireAttachment } from '../../control/protocol/wire-attachment.ts'
import { compileFilter } from '../../linux/pcap-filter.ts'
import { readText } from '../../wire/parse.ts'
import { filtersOf } from '../../wire/spec/groups.ts'

export function compiled(filter: string): WireAttachment[] {
  return [encodeFilter(filter, compileFilter(filter))]
}

/** Returns the filters that the texts of wires name, each once. Throws a UsageError. */
export function filtersIn(texts: readonly string[]): WireAttachment[] {
  return [...new Set(texts.flatMap(named))].flatMap(compiled)
}

function named(text: string): string[] {
  try {
    return filtersOf(readText(text, { bareUs: false }))
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    // The worker refuses the text, at the line of the test.
    return []
  }
}
