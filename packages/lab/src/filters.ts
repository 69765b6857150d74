/**
 * Compiles the filters of wires and faults in the thread of the lab. libpcap is loaded for a whole
 * process, so it must not end with a worker.
 */

import { UsageError } from 'vnet/internal/base/usage-error'
import { encodeFilter, type WireAttachment } from 'vnet/internal/control/protocol/wire-attachment'
import { compileFilter } from 'vnet/internal/linux/pcap-filter'
import { readText } from 'vnet/internal/wire/parse'
import { filtersOf } from 'vnet/internal/wire/spec/groups'

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
