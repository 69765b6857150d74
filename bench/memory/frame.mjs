/**
 * The frame of the figures: 64 bytes on a wire, UDP from 198.18.0.1 to 198.18.0.2, with valid
 * checksums.
 */
import { onesComplementSum } from '../../dist/packet/checksum.js'

const ETHERTYPE = 12
const NETWORK = 14
const TRANSPORT = 34
/** Without the frame check sequence, which a TAP does not carry. */
export const FRAME = 60
export const SOURCE = [2, 0, 0, 0, 0, 1]

/** Returns the frame, addressed to `destination`, 6 bytes. */
export function udpFrame(destination = [2, 0, 0, 0, 0, 2]) {
  const bytes = new Uint8Array(FRAME)
  const view = new DataView(bytes.buffer)
  bytes.set(destination, 0)
  bytes.set(SOURCE, 6)
  view.setUint16(ETHERTYPE, 0x0800)
  bytes.set(
    [0x45, 0, 0, FRAME - NETWORK, 0, 0, 0x40, 0, 64, 17, 0, 0, 198, 18, 0, 1, 198, 18, 0, 2],
    NETWORK,
  )
  view.setUint16(NETWORK + 10, ~onesComplementSum(bytes, NETWORK, 20))
  view.setUint16(TRANSPORT, 9)
  view.setUint16(TRANSPORT + 2, 9)
  view.setUint16(TRANSPORT + 4, FRAME - TRANSPORT)
  view.setUint16(TRANSPORT + 6, ~transportSum(bytes))
  return bytes
}

/** Returns its addresses, as `198.18.0.1.198.18.0.2`. Throws if a checksum is wrong. */
export function addressesOf(bytes) {
  const right = onesComplementSum(bytes, NETWORK, 20) === 0xffff && transportSum(bytes) === 0xffff
  if (!right) throw new Error('a driver left a wrong checksum in a frame')
  return bytes.subarray(NETWORK + 12, NETWORK + 20).join('.')
}

/** Returns the sum over UDP and its pseudo-header: 0xffff if its checksum is valid. */
function transportSum(bytes) {
  const length = FRAME - TRANSPORT
  return onesComplementSum(
    bytes,
    TRANSPORT,
    length,
    onesComplementSum(bytes, NETWORK + 12, 8, 17 + length),
  )
}
