/** Lines of frames, from capture records. */
import { expect, test } from 'vitest'
import { PRINTED } from '#src/capture/frame-text.ts'
import type { CapturedPacket } from '#src/capture/packet.ts'
import { FrameLines } from '#src/cli/commands/frames.ts'
import { print } from '#src/packet/print.ts'
import { buildFrame, type Packet, plain } from '../packet/frames.ts'

const [INBOUND, OUTBOUND, TSO] = [1, 2, 1 << 11]
/** 02:03:04 in the time zone of this machine. */
const seconds = new Date(2026, 10, 21, 2, 3, 4).getTime() / 1000
const lines = new FrameLines()

/** Returns a frame, in the middle of a buffer, of which `kept` bytes were captured. */
function captured(
  packet: Packet,
  rest: Partial<CapturedPacket> = {},
  kept = Number.POSITIVE_INFINITY,
): CapturedPacket {
  const frame = buildFrame({ packet, tags: [], padding: [] })
  const capturedLength = Math.min(kept, frame.length)
  const bytes = Uint8Array.of(
    ...new Uint8Array(5).fill(0xee),
    ...frame.subarray(0, capturedLength),
    0xee,
  )
  const time = { seconds, nanoseconds: 125_999 }
  return {
    ...time,
    interfaceIndex: 0,
    bytes,
    at: 5,
    capturedLength,
    originalLength: frame.length,
    ...rest,
  }
}

const UDP = 'IP 198.18.0.1.12345 > 198.18.0.2.53: UDP, length 5'

test('a line has the local time, the interface, its direction and queue, and the frame', () => {
  const sent = lines.line('red/eth0', captured(plain, { flags: OUTBOUND, queue: 3 }))
  expect(sent).toBe(`02:03:04.000125 red/eth0 tx-3 ${UDP}\n`)
  expect(lines.line('eth1', captured(plain, { flags: INBOUND }))).toBe(
    `02:03:04.000125 eth1 rx-0 ${UDP}\n`,
  )
})

test('a line marks a frame of several segments', () => {
  expect(lines.line('a', captured(plain, { flags: OUTBOUND | TSO }))).toBe(
    `02:03:04.000125 a tx-0 ${UDP}, gso\n`,
  )
})

test('a line shows why a frame was dropped, in one line that is safe to print', () => {
  const comments = ['first', 'dropped: wire ab, stage 1 match \x1b[2J\n (seed 7, packet 9)']
  const line = lines.line('a', captured(plain, { flags: OUTBOUND, verdict: 2, comments }))
  expect(line).toBe(
    `02:03:04.000125 a tx-0 ${UDP}, dropped: wire ab, stage 1 match \\x1b[2J\\x0a (seed 7, packet 9)\n`,
  )
  expect(lines.line('\x1b', captured(plain, { verdict: 2 }))).toBe(
    `02:03:04.000125 \\x1b tx-0 ${UDP}, dropped\n`,
  )
})

test('a frame with a cut payload is printed like a whole one, and a cut header is marked', () => {
  const long: Packet = { ...plain, kind: 'tcp', payload: new Array(1000).fill(7) }
  const whole = buildFrame({ packet: long, tags: [], padding: [] })
  for (const kept of [PRINTED, 1000, PRINTED]) {
    expect(lines.line('a', captured(long, {}, kept))).toBe(
      `02:03:04.000125 a tx-0 ${print(whole, 0, whole.length)}\n`,
    )
  }
  expect(lines.line('a', captured(long, {}, 20))).toBe(
    '02:03:04.000125 a tx-0 IP [|ip], length 6\n',
  )
})

test('JSON has the time in milliseconds, the packet id and the reason', () => {
  const packet = captured(plain, {
    flags: INBOUND,
    queue: 1,
    packetId: 7,
    verdict: 2,
    comments: ['dropped: RX_CRC'],
  })
  expect(JSON.parse(lines.json({ name: 'eth0', netns: 'red' }, packet))).toEqual({
    event: 'frame',
    time: seconds * 1000 + 0.125999,
    name: 'eth0',
    netns: 'red',
    direction: 'rx',
    queue: 1,
    id: 7,
    length: 47,
    gso: false,
    dropped: 'RX_CRC',
    text: UDP,
  })
  expect(
    JSON.parse(lines.json({ name: 'a' }, captured(plain, { flags: OUTBOUND | TSO }))),
  ).toMatchObject({
    direction: 'tx',
    queue: 0,
    id: null,
    gso: true,
    dropped: null,
  })
})
