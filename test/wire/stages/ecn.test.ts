import { expect, test } from 'vitest'
import { SkBuffPool } from '#src/skb/pool.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { markCe } from '#src/wire/stages/ecn.ts'
import { ones } from '#support/frames.ts'
import { buildFrame, type Frame, plain, plain6 } from '../../packet/frames.ts'

const pool = new SkBuffPool({ large: 1, small: 4 })
const TAG = { type: 0x8100, tci: 7 }
const four: Frame = { packet: { ...plain, kind: 'udp' }, tags: [], padding: [] }
const six: Frame = { packet: { ...plain6, kind: 'udp' }, tags: [], padding: [] }

/** The position of the IP header. */
const nhOf = (frame: Frame) => 14 + 4 * frame.tags.length

/** Returns the frame with this ECN field in an skb; IPv4's checksum is right. */
function withEcn(frame: Frame, ecn: number): SkBuff {
  const skb = pool.alloc(100) as SkBuff
  const bytes = Uint8Array.from(buildFrame(frame))
  const nh = nhOf(frame)
  if (frame.packet.source.length === 16) {
    bytes[nh + 1] = ((bytes[nh + 1] as number) & 0xcf) | (ecn << 4)
  } else {
    bytes[nh + 1] = ((bytes[nh + 1] as number) & 0xfc) | ecn
    bytes.set([0, 0], nh + 10)
    const check = 0xffff - ones(bytes.subarray(nh, nh + 20))
    bytes.set([check >> 8, check & 0xff], nh + 10)
  }
  skb.bytes.set(bytes, skb.put(bytes.length))
  return skb
}

function contentOf(skb: SkBuff): Uint8Array {
  const content = skb.bytes.slice(skb.data, skb.data + skb.len)
  skb.free()
  return content
}

for (const [name, frame] of Object.entries({
  IPv4: four,
  IPv6: six,
  'tagged IPv4': { ...four, tags: [TAG] },
  'tagged IPv6': { ...six, tags: [TAG, TAG] },
})) {
  test(`an ${name} packet of a sender that is capable of ECN is marked, and its checksum remains right`, () => {
    const marked = contentOf(withEcn(frame, 3))
    for (const ecn of [1, 2, 3]) {
      const skb = withEcn(frame, ecn)
      expect(markCe(skb)).toBe(true)
      expect(contentOf(skb)).toEqual(marked)
    }
  })

  test(`an ${name} packet of a sender that is not capable of ECN is not touched`, () => {
    const skb = withEcn(frame, 0)
    const before = skb.bytes.slice(skb.data, skb.data + skb.len)
    expect(markCe(skb)).toBe(false)
    expect(contentOf(skb)).toEqual(before)
  })
}

test('a frame that is not IP, or is too short to be, is not marked', () => {
  for (const [length, type] of [
    [60, [8, 6]],
    [14, [8, 0]],
    [13, []],
    [33, [8, 0]],
    [53, [0x86, 0xdd]],
  ] as const) {
    const skb = pool.alloc(100) as SkBuff
    const at = skb.put(length)
    skb.bytes.fill(0xff, at, at + length)
    skb.bytes.set(type, at + 12)
    skb.bytes[at + 14] = type[0] === 8 ? 0x45 : 0x60
    expect(markCe(skb)).toBe(false)
    skb.free()
  }
})
