/** TCP frames that are longer than the MTU are cut into segments with right checksums. */
import { expect, test } from 'vitest'
import { Cutter } from '#src/cli/replay/player.ts'
import { buildFrame, buildPacket, type Packet, plain, plain6 } from '../../packet/frames.ts'

const payload = (length: number, first = 0) => Array.from({ length }, (_, i) => (first + i) & 0xff)
const tcp = (of: Packet, more: Partial<Packet>): Packet => ({ ...of, kind: 'tcp', ...more })
const tags = [{ type: 0x8100, tci: 5 }]

function segments(frame: Uint8Array, mtu: number): number[][] {
  const cutter = new Cutter(mtu)
  // Amid other bytes, as in the buffer of a reader.
  const bytes = Uint8Array.from([1, 2, 3, ...frame, 4])
  const n = cutter.cut(bytes, 3, frame.length)
  const found: number[][] = []
  for (let skb = cutter.next(); skb !== undefined; skb = cutter.next()) {
    found.push([...skb.bytes.subarray(skb.data, skb.data + skb.len)])
    skb.free()
  }
  expect(found).toHaveLength(n)
  return found
}

test.each([
  ['IPv4', plain, 1460],
  ['IPv6', plain6, 1440],
])(
  'a long TCP frame of %s, with a VLAN tag, becomes the segments that a sender makes for the MTU',
  (_, of, size) => {
    const all = payload(3 * size + 100)
    const [ACK, PSH] = [0x10, 0x08]
    const whole = buildFrame({
      packet: tcp(of, { payload: all, flags: ACK | PSH, sequence: 1000 }),
      tags,
      padding: [],
    })
    const expected = [0, 1, 2, 3].map(i => {
      const part = all.slice(i * size, (i + 1) * size)
      const identification = of.identification + i
      const packet = tcp(of, {
        payload: part,
        sequence: 1000 + i * size,
        flags: i === 3 ? ACK | PSH : ACK,
        identification,
      })
      return [...buildFrame({ packet, tags, padding: [] })]
    })
    expect(segments(whole, 1500)).toEqual(expected)
  },
)

test('a frame that is not a whole TCP packet is not cut', () => {
  const udp = buildFrame({ packet: { ...plain, payload: payload(3000) }, tags: [], padding: [] })
  const cut = buildFrame({
    packet: tcp(plain, { payload: payload(3000) }),
    tags: [],
    padding: [],
  }).slice(0, 2000)
  const fragment = tcp(plain, { payload: payload(3000), fragment: { first: true, at: 2400 } })
  for (const frame of [
    udp,
    cut,
    buildFrame({ packet: fragment, tags: [], padding: [] }),
    new Uint8Array(3000),
  ]) {
    expect(segments(frame, 1500)).toEqual([])
  }
})

test('a packet of exactly the MTU is not long, whatever its tags and its padding', () => {
  const cutter = new Cutter(1500)
  const isLong = (length: number) => {
    const packet = tcp(plain, { payload: payload(length - 40) })
    expect(buildPacket(packet)).toHaveLength(length)
    const frame = buildFrame({ packet, tags, padding: [] })
    return cutter.isLong(frame, 0, frame.length)
  }
  expect([isLong(1500), isLong(1501)]).toEqual([false, true])
})
