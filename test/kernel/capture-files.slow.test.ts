/** tcpdump reads the capture files of vnet, and vnet reads the files of tcpdump. */
import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { FLAG_INBOUND, FLAG_TCP_SEGMENTATION_OFFLOADED, TC_ACT_SHOT } from '#src/capture/packet.ts'
import {
  writeInterface,
  writePacket,
  writeSection,
  writeStatistics,
  writeTlsKeyLog,
} from '#src/capture/pcapng-writer.ts'
import { readAll } from '#support/capture-bytes.ts'

/** What tcpdump writes to stdout with a file on stdin. */
const tcpdump = (file: Uint8Array, ...args: string[]): Buffer =>
  execFileSync('tcpdump', ['-r', '-', ...args], {
    input: file,
    stdio: ['pipe', 'pipe', 'ignore'],
    timeout: 60_000,
  })

// An ARP request for 198.18.0.2 from 198.18.0.1, followed by zeros.
const ARP =
  'ffffffffffff020000000001080600010800060400010200000000' + '01c6120001000000000000c6120002'
const bytes = new Uint8Array(2000)
bytes.set(Buffer.from(ARP, 'hex'))

/** Packets that need each length of padding, with all options, on two interfaces. */
const packets = Array.from({ length: 50 }, (_, i) => ({
  seconds: 1_700_000_000 + i,
  nanoseconds: 999_999_999 - i,
  interfaceIndex: i % 2,
  bytes,
  at: 0,
  capturedLength: 42 + 31 * i,
  originalLength: 42 + 31 * i + (i % 3),
  flags: FLAG_INBOUND | FLAG_TCP_SEGMENTATION_OFFLOADED,
  packetId: i,
  queue: 0,
  dropCount: i,
  verdict: TC_ACT_SHOT,
  comments: i % 2 === 0 ? ['lost: loss 1%'] : [],
}))

function pcapng(): Uint8Array {
  const to = new Uint8Array(100_000)
  const mac = Uint8Array.of(2, 0, 0, 0, 0, 1)
  const [start, end] = [packets[0]!, packets[49]!]
  let at = writeSection(to, 0, { hardware: 'tap', os: 'Linux', userAppl: 'vnet' })
  at = writeInterface(to, at, {
    name: 'sn0',
    description: 'snull',
    mac,
    speed: 1e10,
    filter: 'arp',
  })
  at = writeInterface(to, at, { name: 'sn1' })
  at = writeTlsKeyLog(to, at, Buffer.from('CLIENT_RANDOM 00 11\n'))
  for (const packet of packets) {
    at = writePacket(to, at, packet)
  }
  at = writeStatistics(to, at, {
    interfaceIndex: 0,
    start,
    end,
    received: 25,
    dropped: 0,
    delivered: 25,
  })
  return to.subarray(0, at)
}

/** The packets as they come out of a classic pcap file with timestamps of that resolution. */
const expected = (resolution: number) =>
  packets.map(({ seconds, nanoseconds, capturedLength, originalLength }) => ({
    seconds,
    nanoseconds: nanoseconds - (nanoseconds % resolution),
    hasTime: true,
    interfaceIndex: 0,
    linkType: 1,
    capturedLength,
    originalLength,
    frame: [...bytes.subarray(0, capturedLength)],
  }))

test('tcpdump prints the packets of a file with their nanoseconds', () => {
  const lines = tcpdump(pcapng(), '-n', '-tt', '--nano').toString().trimEnd().split('\n')
  expect(lines).toHaveLength(50)
  expect(lines[0]).toMatch(
    /^1700000000\.999999999 ARP, Request who-has 198\.18\.0\.2 tell 198\.18\.0\.1, length 28$/,
  )
  expect(lines[49]).toMatch(/^1700000049\.999999950 ARP, .*, length 1548$/)
})

test.each([
  ['nanoseconds', ['--nano'], 1],
  ['microseconds', ['--micro'], 1000],
])(
  'tcpdump’s conversion of a pcapng file to pcap in %s is read with the same packets',
  (_, options, resolution) => {
    expect(readAll(tcpdump(pcapng(), '-w', '-', ...options))).toEqual({
      packets: expected(resolution),
    })
  },
)
