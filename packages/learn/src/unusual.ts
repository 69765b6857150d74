/** Unusual frames and moments, in which a driver must do as usual. */

import { ETH_HLEN, ipv4, type SkBuff } from 'vnet'
import { type TestBed, udpFrame } from 'vnet/bed'
import { verify } from './exercise.ts'
import { counts } from './observe.ts'

/** Bytes of the payload of the longest UDP frame, for an MTU of 1500. */
const LONGEST = 1472

/** Returns frames of IPv4 from `from`, by their names. `to` is the address of one station. */
export function unusualFrames(from: string, to: string): Readonly<Record<string, Uint8Array>> {
  return {
    'a frame to a group': udpFrame({
      from,
      to: '224.0.0.251',
      destinationMac: '01:00:5e:00:00:fb',
    }),
    'a frame to all stations': udpFrame({
      from,
      to: '198.18.0.255',
      destinationMac: 'ff:ff:ff:ff:ff:ff',
    }),
    'a frame of 1514 bytes': udpFrame({ from, to, payload: LONGEST }),
    'a frame of 42 bytes': udpFrame({ from, to, payload: 0 }),
  }
}

/**
 * Transmits each of unusualFrames(), and fails with the heading `read` unless it arrives with its
 * length at the second device, after `delay` milliseconds.
 */
export function verifyUnusualArrive(
  bed: TestBed,
  frames: ReturnType<typeof unusualFrames>,
  delay: number,
  read: string,
): void {
  const { received } = bed.port(bed.devices[1]?.name)
  for (const [name, frame] of Object.entries(frames)) {
    const before = received.length
    bed.transmit(frame)
    bed.advance(delay)
    const arrived = received[before]?.bytes
    const drops = `dropped: ${counts(bed.drops())}, and by the receiver: ${counts(bed.drops(bed.devices[1]))}`
    verify(arrived?.length === frame.length, {
      seen: `${name}: ${arrived === undefined ? 'nothing' : `${arrived.length} bytes`} arrived; ${drops}`,
      expected: `${frame.length} bytes, like every frame of IPv4`,
      read,
    })
  }
}

/** Returns the frame of IPv4 with `length` bytes of options in its header, no-operation each. */
export function withOptions(frame: Uint8Array, length: number): Uint8Array {
  const end = ETH_HLEN + ipv4.IPV4_HLEN
  const longer = new Uint8Array(frame.length + length).fill(1)
  longer.set(frame.subarray(0, end))
  longer.set(frame.subarray(end), end + length)
  longer[ETH_HLEN] = 0x45 + length / 4
  ipv4.setTotalLength(longer, ETH_HLEN, longer.length - ETH_HLEN)
  ipv4.fillHeaderChecksum(longer, ETH_HLEN)
  return longer
}

/** Calls a function while no frame memory is left but for the kernel's next frame. */
export function withoutMemory({ net: { pool } }: TestBed, run: () => void): void {
  const all: SkBuff[] = []
  for (let skb = pool.alloc(0); skb !== undefined; skb = pool.alloc(0)) {
    all.push(skb)
  }
  // The last one is as large as the frames that are read.
  all.pop()?.free()
  run()
  for (const skb of all) {
    skb.free()
  }
}
