/**
 * Worlds of stacks that obey the RFCs, but unlike the stack of vnet. They decide like
 * `vnet conform` on an interface.
 */

import {
  VIRTIO_NET_HDR_GSO_TCPV4,
  VIRTIO_NET_HDR_GSO_TCPV6,
  VIRTIO_NET_HDR_LEN,
} from '#src/linux/uapi.ts'
import { ETH_HLEN } from '#src/packet/ethernet.ts'
import { IPV6_HLEN } from '#src/packet/ipv6.ts'
import { concat, get16, put16 } from '#src/packet/octets.ts'
import { TCP_FIN, TCP_PSH } from '#src/packet/tcp.ts'
import { segmentOf } from '../../../conform/src/frames.ts'
import { Segments } from '../../../conform/src/segments.ts'
import { INTERFACE_TOLERANCE, type Sent, type World } from '../../../conform/src/world.ts'

type ChangeOfSent = (world: World) => (until: number) => Promise<Sent | undefined>

/** The worlds by their names, of which '' is the usual one. */
const WORLDS: Readonly<Record<string, ChangeOfSent>> = {
  '': world => until => world.next(until),
  joined,
}

/** Returns the world with a name around another one. */
export function legalWorld(name: string, world: World): World {
  const { host, peer, port, program } = world
  const next = (WORLDS[name] as ChangeOfSent)(world)
  return {
    ...{ tolerance: INTERFACE_TOLERANCE, host, peer, port, program, next },
    now: () => world.now(),
    sleepUntil: moment => world.sleepUntil(moment),
    inject: frame => world.inject(frame),
    close: () => world.close(),
  }
}

/** Joins segments as TCP segmentation offload does, and cuts them as a packet socket's reader. */
function joined(world: World): (until: number) => Promise<Sent | undefined> {
  const waiting: Sent[] = []
  const segments = new Segments()
  return async until => {
    if (waiting.length > 0) return waiting.shift()
    const first = await world.next(until)
    if (first === undefined) return undefined
    const all = [first]
    for (
      let sent = await world.next(world.now());
      sent !== undefined;
      sent = await world.next(world.now())
    ) {
      all.push(sent)
    }
    for (let i = 0; i < all.length; ) {
      const { at } = all[i] as Sent
      let count = 1
      while (
        i + count < all.length &&
        continues(all[i + count - 1] as Sent, all[i + count] as Sent)
      ) {
        count++
      }
      const frames = all.slice(i, i + count).map(({ frame }) => frame)
      waiting.push(
        ...(count === 1
          ? [all[i] as Sent]
          : segments.cut(join(frames)).map(part => ({ ...part, at }))),
      )
      i += count
    }
    return waiting.shift()
  }
}

/** Whether a segment follows a full one of the same connection and has the same headers. */
function continues({ frame: before }: Sent, { frame }: Sent): boolean {
  const [a, b] = [segmentOf(before), segmentOf(frame)]
  if (
    a === undefined ||
    b === undefined ||
    a.length === 0 ||
    b.length === 0 ||
    b.length > a.length
  ) {
    return false
  }
  const isSame =
    a.destinationPort === b.destinationPort &&
    a.acknowledgment === b.acknowledgment &&
    a.at === b.at
  const flags = (a.flags ^ b.flags) & ~(TCP_PSH | TCP_FIN)
  return (
    isSame &&
    flags === 0 &&
    (a.flags & TCP_FIN) === 0 &&
    ((a.sequence + a.length) | 0) === (b.sequence | 0)
  )
}

/** Returns the bytes that a packet socket reads for segments that follow each other. */
function join(frames: readonly Uint8Array[]): Uint8Array {
  const [first = new Uint8Array(0), ...others] = frames
  const last = frames.at(-1) as Uint8Array
  const { at = 0, length = 0 } = segmentOf(first) ?? {}
  const whole = concat([first, ...others.map(frame => frame.subarray(at))])
  const isV4 = (first[ETH_HLEN] as number) >>> 4 === 4
  put16(whole, ETH_HLEN + (isV4 ? 2 : 4), whole.length - ETH_HLEN - (isV4 ? 0 : IPV6_HLEN))
  const flags = at - segmentHeader(first) + 13
  put16(whole, flags - 1, get16(last, flags - 1))
  const vnet = new Uint8Array(VIRTIO_NET_HDR_LEN)
  vnet[1] = isV4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6
  new DataView(vnet.buffer).setUint16(4, length, true)
  return concat([vnet, whole])
}

/** The length of the header of TCP. */
function segmentHeader(frame: Uint8Array): number {
  const start =
    ETH_HLEN +
    ((frame[ETH_HLEN] as number) >>> 4 === 4 ? ((frame[ETH_HLEN] as number) & 15) * 4 : IPV6_HLEN)
  return ((frame[start + 12] as number) >>> 4) * 4
}
