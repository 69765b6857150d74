/**
 * The far end of the cable of QEMU's card: a mirror. It sends each frame of IPv4 back to its
 * sender, with the addresses of Ethernet and IPv4 swapped, like the mirror of MirrorSlot.
 */
import { Buffer } from 'node:buffer'
import { connect, type Socket } from 'node:net'
import { ETH_HLEN, ETH_P_IP, ethernet, ipv4 } from 'vnet'

/** Bytes of the length before a frame on a socket of QEMU, big-endian. */
const LENGTH = 4

/** Returns a function that calls `receive` with each frame of the chunks that it is called with. */
export function framesOf(receive: (frame: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  return chunk => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    while (rest.length - at >= LENGTH) {
      const next = at + LENGTH + rest.readUInt32BE(at)
      if (next > rest.length) break
      receive(rest.subarray(at + LENGTH, next))
      at = next
    }
    rest = rest.subarray(at)
  }
}

/** Returns the frame as QEMU reads it from a socket. */
export function withLength(frame: Uint8Array): Buffer {
  const packet = Buffer.allocUnsafe(LENGTH + frame.length)
  packet.writeUInt32BE(frame.length)
  packet.set(frame, LENGTH)
  return packet
}

/**
 * Connects the mirror to the cable, a Unix socket of QEMU. `receive` gets the frames that return;
 * without it they return to the card. The caller destroys the socket.
 */
export function connectMirror(path: string, receive?: (frame: Buffer) => void): Socket {
  const socket = connect(path)
  const back = receive ?? ((frame: Buffer) => socket.write(withLength(frame)))
  socket
    .on('error', () => {})
    .on(
      'data',
      framesOf(frame => {
        if (reflect(frame)) {
          back(frame)
        }
      }),
    )
  return socket
}

/** Swaps the addresses of a frame. Returns false if it is not of IPv4. */
function reflect(frame: Buffer): boolean {
  if (frame.length < ETH_HLEN || ethernet.etherType(frame, 0) !== ETH_P_IP) return false
  if (ipv4.parse(frame, ETH_HLEN, frame.length - ETH_HLEN) < 0) return false
  ipv4.swapAddresses(frame, ETH_HLEN)
  ethernet.swapAddresses(frame, 0)
  return true
}
