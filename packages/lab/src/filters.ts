/**
 * Compiles filters in the thread of the lab. libpcap is loaded for a whole process, so it must not
 * end with a worker.
 */

import { encodeFilter, type WireAttachment } from 'vnet/internal/control/protocol/attachment'
import { compileFilter } from 'vnet/internal/linux/pcap-filter'

export function compiled(filter: string): WireAttachment[] {
  return [encodeFilter(filter, compileFilter(filter))]
}
