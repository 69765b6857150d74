/**
 * Filters compiled by libpcap and run here accept the same frames as tcpdump does, which runs them
 * in C. Without libpcap and tcpdump these tests fail: `npm test` installs both.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { random } from '#src/base/random.ts'
import { compileFilter } from '#src/linux/pcap-filter.ts'
import { FILTER_TEXTS } from '#support/filter-texts.ts'
import { ethernet } from '#support/frames.ts'
import { fuzzFrames } from '#support/fuzz-frames.ts'
import { firstOf, SEED, scaled } from '#support/scale.ts'
import {
  BROADCAST,
  GATEWAY,
  GATEWAY6,
  packet,
  ping,
  tcp,
  udp,
} from '../../../packages/lan/test/packets.ts'

const SYN = 2
const ACK = 16
const RST = 4

/** Inserts a VLAN tag. */
function tagged(frame: Uint8Array, vid: number, type = 0x8100): Uint8Array {
  return Uint8Array.of(
    ...frame.subarray(0, 12),
    type >> 8,
    type & 0xff,
    vid >> 8,
    vid & 0xff,
    ...frame.subarray(12),
  )
}

const http = tcp(GATEWAY, 80, { flags: SYN })
const big = udp(GATEWAY, 53, new Array<number>(1200).fill(7))
const FRAMES = {
  http,
  'http answer': tcp(GATEWAY, 8080, { flags: SYN | ACK, data: [1, 2, 3] }),
  http6: tcp(GATEWAY6, 80, { flags: RST }),
  dns: udp(GATEWAY, 53, 'question'),
  dns6: udp(GATEWAY6, 53, 'question'),
  options: tcp(GATEWAY, 80, { flags: ACK, options: [1, 1, 1, 1] }),
  ping: ping(GATEWAY),
  ping6: ping(GATEWAY6),
  arp: ethernet(
    0x0806,
    [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 198, 18, 0, 1, 0, 0, 0, 0, 0, 0, 198, 18, 0, 2],
  ),
  lldp: ethernet(0x88cc, 46),
  'vlan dns': tagged(udp(GATEWAY, 53, 'question'), 5),
  'vlan http': tagged(http, 6),
  'vlan in vlan': tagged(tagged(http, 6), 5, 0x88a8),
  big,
  'hop by hop': packet(GATEWAY6, 0, [58, 0, 1, 4, 0, 0, 0, 0, 128, 0, 0, 0, 0, 0, 0, 0]),
  sctp: packet(GATEWAY, 132, new Array<number>(12).fill(0)),
  local: packet({ mac: GATEWAY.mac, ip: [127, 0, 0, 1] }, 253, [1, 2, 3]),
  broadcast: packet({ mac: BROADCAST, ip: [198, 18, 0, 255] }, 253, [1, 2, 3]),
  mpls: ethernet(0x8847, 46),
  pppoe: ethernet(0x8864, 46),
  empty: new Uint8Array(0),
} as const
type Name = keyof typeof FRAMES

describe('compileFilter', () => {
  test.each<[string, Name[]]>([
    ['tcp port 80', ['http', 'http6', 'options']],
    [
      'host 198.18.0.1 and not icmp',
      ['http', 'http answer', 'dns', 'options', 'arp', 'big', 'sctp'],
    ],
    ['ether proto 0x88cc', ['lldp']],
    ['vlan 5 and udp', ['vlan dns']],
    ['vlan 5 and vlan 6 and tcp port 80', ['vlan in vlan']],
    ['ip6 host 2001:db8:0:1::1', ['http6', 'dns6', 'ping6', 'hop by hop']],
    ['tcp[13] & 2 != 0', ['http', 'http answer']],
    ['tcp[tcpflags] == tcp-ack', ['options']],
    ['greater 1000', ['big']],
    ['arp', ['arp']],
    ['portrange 79-100 and ip', ['http', 'options']],
    ['icmp or icmp6', ['ping', 'ping6']],
    ['ip[0] & 0xf != 5', ['options']],
  ])("'%s' matches only the frames it describes", (text, names) => {
    const filter = compileFilter(text)
    const matched = Object.entries(FRAMES).filter(([, frame]) => filter(frame, 0, frame.length))
    expect(matched.map(([name]) => name)).toEqual(names)
  })

  test('a filter keeps its text', () => {
    expect(compileFilter('tcp port 80').text).toBe('tcp port 80')
  })

  test('a filter sees only the frame, wherever it lies in memory', () => {
    const around = new Uint8Array(300).fill(0xff)
    around.set(http, 123)
    expect(compileFilter('tcp dst port 80')(around, 123, http.length)).toBe(true)
    expect(compileFilter('tcp dst port 80')(around, 124, http.length)).toBe(false)
    expect(compileFilter('tcp dst port 80')(around, 123, 37)).toBe(false)
  })

  test('an empty text matches every frame', () => {
    const all = compileFilter('')
    expect(Object.values(FRAMES).map(frame => all(frame, 0, frame.length))).not.toContain(false)
  })

  test('a host name is resolved by the compiler', () => {
    const filter = compileFilter('ip host localhost')
    const frame = http.slice()
    expect(filter(frame, 0, frame.length)).toBe(false)
    frame.set([127, 0, 0, 1], 30)
    expect(filter(frame, 0, frame.length)).toBe(true)
  })
})

describe('refusals', () => {
  test.each([
    [
      'tcp prt 80',
      "filter 'tcp prt 80': syntax error: 'prt' is not a word of pcap-filter(7); did you mean 'port'?",
    ],
    ['tcp and udp', "filter 'tcp and udp': expression rejects all packets"],
    ['port nosuch', "filter 'port nosuch': unknown port 'nosuch'"],
    ['ip broadcast', "filter 'ip broadcast': netmask not known, so 'ip broadcast' not supported"],
    ['ether[0] / 0 = 1', "filter 'ether[0] / 0 = 1': division by zero"],
    [
      'arp\nor \x1b[2J',
      "filter 'arp\\x0aor \\x1b[2J': syntax error: '\\x1b' is not a word of pcap-filter(7)",
    ],
    ['arp\0 or ip', "filter 'arp\\x00 or ip': NUL in the text"],
    ['\ud800', "filter '\\ud800': syntax error: '\\ud800' is not a word of pcap-filter(7)"],
    [
      'inbound',
      "filter 'inbound': BPF instruction 0: load of ancillary data, which only the kernel has",
    ],
  ])('%j is refused with one line', (text, message) => {
    expect(() => compileFilter(text)).toThrow(
      expect.objectContaining({ name: 'UsageError', message }),
    )
  })

  test('a text longer than 1,000 characters is refused with one line', () => {
    const message = 'a filter has at most 1000 characters, not 1001'
    expect(() => compileFilter('a'.repeat(1001))).toThrow(
      expect.objectContaining({ name: 'UsageError', message }),
    )
    expect(compileFilter(`arp${' '.repeat(997)}`)(FRAMES.arp, 0, FRAMES.arp.length)).toBe(true)
  })

  test('a text that libpcap compiles to a loop is refused with one line', () => {
    const message = /^filter 'ip6 protochain 6': BPF instruction \d+: jump backward, which .*$/
    expect(() => compileFilter('ip6 protochain 6')).toThrow(message)
  })
})

test('compileFilter says what to install if a filter takes libpcap and it is missing', () => {
  const compile = (text: string) =>
    compileFilter(text, ['libvnet-none.so.1', 'libvnet-none.so.0.8'])
  const install =
    'libpcap is missing: apt install libpcap0.8 (Debian), libpcap (Fedora, Arch, Alpine)'
  const message = `filter 'vlan 5': 'vlan' is not expected there, or takes libpcap; ${install}`
  expect(() => compile('vlan 5')).toThrow(expect.objectContaining({ name: 'UsageError', message }))
  expect(compile('arp')(FRAMES.arp, 0, FRAMES.arp.length)).toBe(true)
})

test('compileFilter opens the second library if the first is missing', () => {
  const sonames = ['libvnet-none.so.1', 'libpcap.so.1', 'libpcap.so.0.8']
  expect(compileFilter('arp', sonames)(FRAMES.arp, 0, FRAMES.arp.length)).toBe(true)
})

test('libpcap and ffi-rs are loaded by the first filter, not before', () => {
  const module = new URL('../../../dist/linux/pcap-filter.js', import.meta.url).href
  const script = `
    import { readFileSync } from 'node:fs'
    import { compileFilter } from '${module}'
    const loaded = () => /libpcap|ffi-rs/.test(readFileSync('/proc/self/maps', 'utf8'))
    const before = loaded()
    compileFilter('arp')
    console.log(before, loaded())`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  })
  expect([stdout, stderr]).toEqual(['false true\n', ''])
})

/** The first are those that only libpcap compiles. */
const TEXTS = [
  'vlan 5 and udp',
  'vlan',
  'vlan and vlan',
  'vlan 7 and vlan 9 and ip',
  'ip host localhost',
  'mpls',
  'pppoes',
  ...FILTER_TEXTS,
]

describe('tcpdump', () => {
  const frames = Object.values<Uint8Array>(FRAMES)
  const next = fuzzFrames(random(SEED), 2000)
  for (let i = scaled(40_000); i > 0; i--) {
    frames.push(next().bytes.slice())
  }
  const file = pcapOf(frames)

  test.each(firstOf(10, TEXTS))("tcpdump accepts the same frames for '%s'", text => {
    const filter = compileFilter(text)
    const accepted = frames.map((_, i) => i).filter(i => filter(frames[i], 0, frames[i].length))
    expect(accepted, `seed ${SEED}`).toEqual(tcpdump(file, text))
  })

  test('the texts compared with tcpdump accept some frames and refuse others', () => {
    const isTrivial = (text: string) => {
      const filter = compileFilter(text)
      const first = filter(frames[0], 0, frames[0].length)
      return frames.every(frame => filter(frame, 0, frame.length) === first)
    }
    expect(TEXTS.filter(isTrivial)).toEqual([''])
  })
})

/** A pcap file (draft-ietf-opsawg-pcap) of Ethernet frames; the time of frame i is i seconds. */
function pcapOf(frames: readonly Uint8Array[]): Buffer {
  const header = Buffer.alloc(24)
  header.writeUInt32LE(0xa1b2c3d4, 0)
  header.writeUInt16LE(2, 4)
  header.writeUInt16LE(4, 6)
  header.writeUInt32LE(65535, 16)
  header.writeUInt32LE(1, 20)
  const records = frames.flatMap((frame, i) => {
    const record = Buffer.alloc(16)
    record.writeUInt32LE(i, 0)
    record.writeUInt32LE(frame.length, 8)
    record.writeUInt32LE(frame.length, 12)
    return [record, frame]
  })
  return Buffer.concat([header, ...records])
}

/** The numbers of the frames that `tcpdump -r FILE FILTER` accepts. */
function tcpdump(file: Buffer, filter: string): number[] {
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` }
  const output = execFileSync('tcpdump', ['-n', '-r', '-', '-w', '-', '--', filter], {
    input: file,
    env,
    stdio: ['pipe', 'pipe', 'ignore'],
    maxBuffer: 1 << 30,
  })
  const accepted: number[] = []
  for (let at = 24; at < output.length; at += 16 + output.readUInt32LE(at + 8)) {
    accepted.push(output.readUInt32LE(at))
  }
  return accepted
}
