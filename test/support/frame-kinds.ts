/** Frames of many protocols, for links that must pass any frame unchanged. */
import { ethernet, putWord } from './frames.ts'

/**
 * `frame` with 802.1Q or 802.1ad tags, the outermost first, between its addresses and its
 * EtherType.
 */
export function tagged(frame: Uint8Array, ...tags: [type: number, tci: number][]): Uint8Array {
  const octets = new Uint8Array(frame.length + 4 * tags.length)
  octets.set(frame.subarray(0, 12))
  for (const [i, [type, tci]] of tags.entries()) {
    putWord(octets, 12 + 4 * i, type)
    putWord(octets, 14 + 4 * i, tci)
  }
  octets.set(frame.subarray(12), 12 + 4 * tags.length)
  return octets
}

function to(mac: readonly number[], frame: Uint8Array): Uint8Array {
  frame.set(mac)
  return frame
}

const IPV4 = (flags: number, octets: number) => [
  0x45,
  0,
  0,
  20 + octets,
  0,
  7,
  flags,
  0,
  64,
  17,
  0,
  0,
]
const IPV4_ADDRESSES = [198, 18, 0, 1, 198, 18, 0, 2]

/** Frames of protocols that a cable does not parse, one of each kind, in several sizes. */
export function kinds(): Map<string, Uint8Array> {
  return new Map([
    ['a runt of 14 octets', ethernet(0x88b5, 0)],
    ['a runt of 15 octets', ethernet(0x88b5, 1)],
    ['a runt of 59 octets', ethernet(0x0800, 45)],
    ['the shortest whole frame', ethernet(0x88b5, 46)],
    ['the longest at an MTU of 1500', ethernet(0x88b5, 1500)],
    ['VLAN', tagged(ethernet(0x0800, 64), [0x8100, 0x2064])],
    ['VLAN priority tag', tagged(ethernet(0x88b5, 64), [0x8100, 0xe000])],
    ['VLAN of the longest', tagged(ethernet(0x88b5, 1500), [0x8100, 7])],
    ['QinQ', tagged(ethernet(0x86dd, 64), [0x88a8, 100], [0x8100, 200])],
    ['three tags', tagged(ethernet(0x88b5, 64), [0x88a8, 1], [0x88a8, 2], [0x8100, 3])],
    [
      'LLC (spanning tree)',
      to([1, 0x80, 0xc2, 0, 0, 0], ethernet(38, [0x42, 0x42, 3, ...new Array(35).fill(0)])),
    ],
    ['802.3 SNAP', ethernet(40, [0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0, ...new Array(32).fill(9)])],
    [
      'PAUSE',
      to([1, 0x80, 0xc2, 0, 0, 1], ethernet(0x8808, [0, 1, 0xff, 0xff, ...new Array(42).fill(0)])),
    ],
    ['LLDP', to([1, 0x80, 0xc2, 0, 0, 0x0e], ethernet(0x88cc, 46))],
    ['broadcast ARP', to([255, 255, 255, 255, 255, 255], ethernet(0x0806, 46))],
    [
      'a first fragment',
      ethernet(0x0800, [...IPV4(0x20, 24), ...IPV4_ADDRESSES, ...new Array(24).fill(1)]),
    ],
    [
      'IPv4 with a wrong checksum',
      ethernet(0x0800, [...IPV4(0x40, 24), ...IPV4_ADDRESSES, ...new Array(24).fill(1)]),
    ],
    ['IPv4 multicast', to([1, 0, 0x5e, 0, 0, 0xfb], ethernet(0x0800, 46))],
    ['IPv6', ethernet(0x86dd, [0x60, 0, 0, 0, 0, 8, 59, 64, ...new Array(40).fill(0x20)])],
    ['IPv6 multicast', to([0x33, 0x33, 0, 0, 0, 0xfb], ethernet(0x86dd, 60))],
    ['an EtherType of nobody', ethernet(0xfffe, 99)],
    ['EtherType 0x0600', ethernet(0x0600, 46)],
    ['to another host', to([2, 9, 9, 9, 9, 9], ethernet(0x0800, 46))],
  ])
}

export const hex = (frames: readonly Uint8Array[]) =>
  frames.map(frame => Buffer.from(frame).toString('hex'))
