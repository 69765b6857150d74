/** Packets have names that mean the same packet in each run. */
import { describe, expect, test } from 'vitest'
import { arpRequest, tcpFrame, udpFrame } from '#src/bed/frames.ts'
import { Flows } from '../../src/carrier/flows.ts'
import { formatName, parseName } from '../../src/model/packet-name.ts'

const A = '198.18.1.1'
const B = '198.18.1.2'
const hosts = new Map([
  [A, 'client'],
  [B, 'server'],
])
const FLAGS_AT = 47
const SYN = 0x02
const ACK = 0x10
const FIN = 0x11
const RST = 0x14
const MLD2_REPORT = 143
const ECHO_REQUEST = 128

interface Segment {
  readonly back?: boolean
  readonly port?: number
  readonly flags?: number
  readonly sequence: number
  readonly payload?: number
}

/** Returns a segment from the client to port 80 of the server, or back. */
function segment({
  back = false,
  port = 40_000,
  flags = ACK,
  sequence,
  payload = 0,
}: Segment): Uint8Array {
  const ends = back
    ? { from: B, to: A, sourcePort: 80, destinationPort: port }
    : { from: A, to: B, sourcePort: port, destinationPort: 80 }
  const bytes = tcpFrame({ ...ends, sequence, payload })
  bytes[FLAGS_AT] = flags
  return bytes
}

/** Returns an ICMPv6 message of a type, without a checksum. */
function icmp6(type: number): Uint8Array {
  const bytes = new Uint8Array(14 + 40 + 8)
  bytes.set([0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, 58, 255], 12)
  bytes[14 + 40] = type
  return bytes
}

/** Returns the names of frames, one after the other. */
function names(...frames: Uint8Array[]): (string | undefined)[] {
  const flows = new Flows(hosts)
  return frames.map(bytes => {
    const named = flows.name(bytes, 0, bytes.length)
    if (named === undefined) return undefined
    const { half, part, n, copy } = named
    return formatName({ link: 'l', direction: 'ab', flow: half.text, part, n, copy }).slice(
      'l ab '.length,
    )
  })
}

describe('TCP', () => {
  test('names a segment by its first byte relative to the SYN, whatever the sequence numbers and ports', () => {
    for (const [sequence, port] of [
      [1000, 40_000],
      [0xffff_fffe, 50_000],
    ] as const) {
      const at = (n: number) => (sequence + n) >>> 0
      expect(
        names(
          segment({ sequence, port, flags: SYN }),
          segment({ sequence: 77, port, flags: SYN | ACK, back: true }),
          segment({ sequence: at(1), port }),
          segment({ sequence: at(1), port, payload: 100 }),
          segment({ sequence: at(101), port, payload: 5 }),
          segment({ sequence: at(106), port, flags: FIN }),
        ),
      ).toEqual([
        'tcp client:* > server:80 seq 0',
        'tcp server:80 > client:* seq 0',
        'tcp client:* > server:80 ack 1',
        'tcp client:* > server:80 seq 1',
        'tcp client:* > server:80 seq 101',
        'tcp client:* > server:80 seq 106',
      ])
    }
  })

  test('counts the copies of a byte that is sent again, in whatever segments', () => {
    expect(
      names(
        segment({ sequence: 0, flags: SYN }),
        segment({ sequence: 1, payload: 10 }),
        segment({ sequence: 11, payload: 10 }),
        segment({ sequence: 1, payload: 20 }),
        segment({ sequence: 11, payload: 10 }),
      ).slice(1),
    ).toEqual([
      'tcp client:* > server:80 seq 1',
      'tcp client:* > server:80 seq 11',
      'tcp client:* > server:80 seq 1 copy 2',
      'tcp client:* > server:80 seq 11 copy 3',
    ])
  })

  test('counts resets apart from acknowledgements', () => {
    expect(
      names(
        segment({ sequence: 0, flags: SYN }),
        segment({ sequence: 1 }),
        segment({ sequence: 1, flags: RST }),
        segment({ sequence: 1 }),
      ).slice(1),
    ).toEqual([
      'tcp client:* > server:80 ack 1',
      'tcp client:* > server:80 rst 1',
      'tcp client:* > server:80 ack 2',
    ])
  })

  test('numbers connections that look the same in the order in which they appear', () => {
    expect(
      names(
        segment({ sequence: 5, port: 40_001, flags: SYN }),
        segment({ sequence: 9, port: 40_000, flags: SYN }),
        segment({ sequence: 70, port: 40_000, flags: SYN | ACK, back: true }),
        segment({ sequence: 6, port: 40_001 }),
      ),
    ).toEqual([
      'tcp client:* > server:80 seq 0',
      'tcp client:*#2 > server:80 seq 0',
      'tcp server:80 > client:*#2 seq 0',
      'tcp client:* > server:80 ack 1',
    ])
  })

  test('takes a SYN of another number between the same ports for another connection', () => {
    const [, second] = names(
      segment({ sequence: 5, flags: SYN }),
      segment({ sequence: 9, flags: SYN }),
    )
    expect(second).toBe('tcp client:*#2 > server:80 seq 0')
    const [, repeated] = names(
      segment({ sequence: 5, flags: SYN }),
      segment({ sequence: 5, flags: SYN }),
    )
    expect(repeated).toBe('tcp client:* > server:80 seq 0 copy 2')
  })

  test('a late retransmission of an earlier connection changes no number of later ones', () => {
    const run = [
      segment({ sequence: 5, port: 40_001, flags: SYN }),
      segment({ sequence: 6, port: 40_001, payload: 10 }),
      segment({ sequence: 9, port: 40_002, flags: SYN }),
    ]
    const own = names(...run)
    expect(own.at(-1)).toBe('tcp client:*#2 > server:80 seq 0')
    const late = [
      segment({ sequence: 700, payload: 20 }),
      segment({ sequence: 90, port: 39_999, payload: 20 }),
      segment({ sequence: 70, payload: 20, back: true }),
      segment({ sequence: 70, port: 39_998, back: true }),
    ]
    expect(names(...late, ...run)).toEqual([
      'tcp client:*#old > server:80 seq 1',
      'tcp client:*#old2 > server:80 seq 1',
      'tcp server:80 > client:*#old seq 1',
      'tcp server:80#old > client:* ack 1',
      ...own,
    ])
    expect(names(...run.slice(0, 1), ...late, ...run.slice(1))).toEqual([
      own[0],
      expect.anything(),
      expect.anything(),
      expect.anything(),
      expect.anything(),
      ...own.slice(1),
    ])
  })

  test('a SYN between the ports of an earlier connection opens a connection with a number', () => {
    expect(
      names(
        segment({ sequence: 700, payload: 20 }),
        segment({ sequence: 5, flags: SYN }),
        segment({ sequence: 6 }),
      ).slice(1),
    ).toEqual(['tcp client:* > server:80 seq 0', 'tcp client:* > server:80 ack 1'])
  })
})

test('counts the packets of each direction of a UDP flow, and writes only ephemeral ports as *', () => {
  const there = udpFrame({ from: A, to: B, sourcePort: 40_000, destinationPort: 53 })
  const back = udpFrame({ from: B, to: A, sourcePort: 53, destinationPort: 40_000 })
  const fixed = udpFrame({ from: A, to: B, sourcePort: 5353, destinationPort: 5353 })
  expect(names(there, there, back, fixed)).toEqual([
    'udp client:* > server:53 packet 1',
    'udp client:* > server:53 packet 2',
    'udp server:53 > client:* packet 1',
    'udp client:5353 > server:5353 packet 1',
  ])
})

test('writes the address of an unknown host', () => {
  expect(
    names(udpFrame({ from: A, to: '192.0.2.7', sourcePort: 40_000, destinationPort: 53 })),
  ).toEqual(['udp client:* > 192.0.2.7:53 packet 1'])
})

test('names neither ARP nor the neighbour discovery and group reports of the kernel', () => {
  const kernel = [130, 131, 132, 133, 134, 135, 136, 137, MLD2_REPORT].map(icmp6)
  expect(names(arpRequest({ from: A, to: B }), ...kernel)).toEqual(Array(10).fill(undefined))
  expect(names(icmp6(ECHO_REQUEST))).toEqual(['icmp6 [::] > [::] packet 1'])
})

test('reads the name that it has written', () => {
  for (const text of [
    'client-server ab tcp client:*#2 > server:80 seq 101 copy 2',
    'client-server.2 ba udp server:53 > client:* packet 3',
    'client-server ba tcp server:80#old > client:* ack 1',
    'a-lan ab icmp6 [2001:db8::1] > b packet 1',
  ]) {
    expect(formatName(parseName(text))).toBe(text)
  }
  expect(() => parseName('client tcp 1')).toThrow(
    "'client tcp 1' is not the name of a packet, such as 'client-server ab tcp client:* > server:80 seq 1'",
  )
})
