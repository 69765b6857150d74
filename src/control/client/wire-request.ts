/** SET_WIRE as a client makes it: checks the text, and collects the files and filters in them. */

import { UsageError } from '../../base/usage-error.ts'
import type { DeviceWire } from '../../netdev/device-wire.ts'
import { parseWire } from '../../wire/parse.ts'
import { LinuxWireResources } from '../../wire/wire-resources.node.ts'
import { VNET_WIRE_ATTACHMENTS_MAX, VNET_WIRE_TEXT_MAX } from '../protocol/family.ts'
import { recording, type WireAttachment } from '../protocol/wire-attachment.ts'

/** Room in a message for the headers of an attachment. */
const OVERHEAD = 16

/**
 * Returns the files and filters that the text of one direction, or of both, refers to: files that
 * this process may read, and filters that its libpcap compiles. Calls `note` with lines about what
 * may be a mistake. Throws a UsageError if the text is wrong, or if they are too large for a
 * message.
 */
export function attachmentsOf(
  text: string,
  direction?: DeviceWire['direction'],
  note?: (line: string) => void,
): WireAttachment[] {
  if (Buffer.byteLength(text) > VNET_WIRE_TEXT_MAX || text.includes('\0')) {
    throw new UsageError(`the text of a running wire has at most ${VNET_WIRE_TEXT_MAX} bytes, and no NUL`)
  }
  const attachments: WireAttachment[] = []
  let size = 0
  const attach = (attachment: WireAttachment) => {
    const { file, filter, bytes } = attachment
    if (attachments.some(other => other.file === file && other.filter === filter)) return
    size += bytes.length + Buffer.byteLength(file ?? filter ?? '') + OVERHEAD
    if (size > VNET_WIRE_ATTACHMENTS_MAX) {
      const most = `a running wire takes at most ${VNET_WIRE_ATTACHMENTS_MAX} bytes of files and filters`
      throw new UsageError(`${file ?? `filter '${filter}'`}: ${most}; give it at the start, by --wire`)
    }
    attachments.push(attachment)
  }
  const resources = new LinuxWireResources()
  const recorded = recording(resources, attach)
  for (const each of direction === undefined ? (['ab', 'ba'] as const) : [direction]) {
    parseWire(text, recorded, each, { bareUs: true, ...(note !== undefined && { note }) })
  }
  return attachments
}
