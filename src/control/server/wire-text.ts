/** Texts of a wire on their way to a client: an impairment of one's own may have any name. */
import { printable } from '../../base/printable.ts'
import { VNET_WIRE_TEXT_MAX } from '../protocol/family.ts'

const CUT = ' ...'

/** Returns the text as one line that fits an attribute; the end of a longer one is cut. */
export function wireText(text: string): string {
  const line = printable(text)
  if (Buffer.byteLength(line) <= VNET_WIRE_TEXT_MAX) return line
  const room = Buffer.from(line).subarray(0, VNET_WIRE_TEXT_MAX - CUT.length)
  return room.toString('utf8').replace(/\ufffd+$/, '') + CUT
}
