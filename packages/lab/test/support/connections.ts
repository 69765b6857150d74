/** The TCP connections of frames, or of a capture, as an exploration of commands reads them. */
import { type CaptureRecord, LINKTYPE_ETHERNET } from '#src/capture.ts'
import { type Connection, Conversation } from '../../src/hunt/conversation.ts'
import type { ViewedRecord } from '../../src/story/packet-view.ts'

/**
 * Returns the connections of a run. `packets` are Ethernet frames, or records of a capture.
 * Records of frames that a vnet has dropped do not count.
 */
export function connectionsOf(packets: Iterable<Uint8Array | CaptureRecord>): Connection[] {
  const conversation = new Conversation()
  for (const packet of packets) {
    if (packet instanceof Uint8Array) {
      conversation.take(recordOf(packet))
    } else if (packet.drop === undefined) {
      conversation.take(packet)
    }
  }
  return conversation.connections
}

const recordOf = (bytes: Uint8Array): ViewedRecord => ({
  bytes,
  at: 0,
  capturedLength: bytes.length,
  originalLength: bytes.length,
  linkType: LINKTYPE_ETHERNET,
  interfaceIndex: 0,
})
