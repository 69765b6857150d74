/** Differences that rows of packages/inet/docs/linux.md describe, each as narrow as it is. */

export interface Exception {
  /** The first cell of the row. */
  readonly row: string
  /** Packets about the last of which the hosts differ. */
  readonly example: readonly string[]
  /** Whether it is the difference of a case: `sent` has its packets, the others are the replies. */
  explains(sent: string, linux: readonly string[], memory: readonly string[]): boolean
}

const [LOOSE_ROUTE, STRICT_ROUTE] = [131, 137]

export const EXCEPTIONS: readonly Exception[] = [
  {
    row: 'an ICMP error about an IP option after a source route',
    example: ['ip options 830708c00002090107020000 / icmp echo'],
    explains: (sent, linux, memory) =>
      (optionsOf(sent).has(LOOSE_ROUTE) || optionsOf(sent).has(STRICT_ROUTE)) &&
      [linux, memory].every(([reply = 'icmp type 12, code 0']) =>
        /icmp type 12, code 0|arp/.test(reply),
      ),
  },
  {
    row: 'routes and times of IP options in SYN-ACK and later segments',
    example: ['ip options 07030800 / tcp flags 2'],
    explains: (sent, linux, memory) =>
      /\boptions .*tcp/.test(sent) &&
      linux.length === 1 &&
      [linux[0], withoutDf(linux[0])].some(
        reply => reply?.replace(/, options \w+ \/ tcp syn\+ack/, ' / tcp syn+ack') === memory[0],
      ),
  },
  {
    row: 'DF of SYN-ACK and RST after a reported MTU below 552',
    example: [
      'ip / icmp type 3, code 4, mtu 68 / ip from host, to peer / icmp reply / data 8',
      'ip / tcp flags 2',
    ],
    explains: (_, linux, memory) =>
      linux.length === 1 &&
      / tcp (rst|syn.ack)/.test(linux[0] ?? '') &&
      withoutDf(linux[0]) === memory[0],
  },
  {
    row: 'a segment with ACK to a group of IPv6, with a listener',
    example: ['ip6 to ff02::1234 / tcp flags 18'],
    explains: (_, linux, memory) =>
      linux.length === 1 &&
      memory.length === 0 &&
      /, from ff[\da-f:]+, to \S+ \/ tcp rst, ports 7 /.test(linux[0] ?? ''),
  },
  {
    row: 'a neighbour solicitation from an address of the host itself',
    example: [
      'ip6 hops 255, from fe80::ff:fe00:1, to solicited / nd ns, target host / lladdr type 1',
      'ip6 hops 255, from fe80::ff:fe00:1 / nd ns, target host',
    ],
    explains: (sent, linux, memory) =>
      /from (host|fe80::ff:fe00:1)\b/.test(sent) &&
      memory.length === 0 &&
      / icmp type 13[56],/.test(linux[0] ?? ''),
  },
  {
    row: 'an IPv6 packet of length 0 with options for each hop, but none for a jumbogram',
    example: ['ip6 len 0 / hop 010400000000 / icmp6 echo'],
    explains: (sent, linux, memory) =>
      /\bip6 [^/]*len 0\b[^/]*\/ hop /.test(sent) && linux.length > 0 && memory.length === 0,
  },
  {
    row: 'the checksum of an echo reply of zeros alone',
    example: ['ip / icmp echo'],
    explains: (_, linux, memory) =>
      linux[0]?.replace(', the checksum of ICMP is wrong', '') === memory[0] &&
      / icmp type 0,/.test(memory[0] ?? ''),
  },
  {
    row: 'UDP-Lite (RFC 3828)',
    example: ['ip proto 136'],
    explains: (sent, linux, memory) =>
      /\b(proto|next) 136\b/.test(sent) &&
      memory.length === 1 &&
      / icmp type (3, code 2|4, code 1|135, code 0),| \/ arp /.test(memory[0] ?? '') &&
      (linux.length === 0 || / icmp type (3, code 3|1, code 4),/.test(linux.join('\n'))),
  },
]

export interface ExchangeException {
  readonly row: string
  /** An exchange in which the hosts differ; undefined if that needs timers. */
  readonly example: readonly string[]
  /** Whether it is the difference of an exchange: its last line has these results. */
  explains(lines: readonly string[], linux: readonly string[], memory: readonly string[]): boolean
}

export const EXCHANGE_EXCEPTIONS: readonly ExchangeException[] = [
  {
    row: 'a SYN that crosses the own one',
    example: ['connect', 'in syn 0'],
    explains: (lines, linux, memory) =>
      lines.at(-1) === 'in syn 0' &&
      [linux, memory].every(([sent]) => sent?.startsWith('syn, seq 0, ack 1,')),
  },
  {
    row: 'the timestamp of an acknowledgment that is older than the last one',
    example: [
      ...[
        'listen',
        'in syn 0, mss 1460, ts 100',
        'in ack 1, ts 100',
        'accept',
        'write 100',
        'in ack 101, ts 100',
      ],
      ...['in ack 1, ts 121', 'in syn 70001'],
    ],
    explains: (_, linux, memory) => {
      const [theirs, ours] = [linux, memory].map(texts =>
        texts.join('\n').replaceAll(/, ts \d+/g, ''),
      )
      return linux.length > 0 && theirs === ours
    },
  },
  {
    row: 'the last segment of a window that is no multiple of the MSS',
    example: ['connect', 'in syn 0, ack 1, mss 1460', 'in ack 1, win 1500', 'write 8000'],
    explains: (_, linux, memory) =>
      / win\b|data/.test(linux.at(-1) ?? '') &&
      linux.length === memory.length + 1 &&
      isStart(memory, linux),
  },
  {
    row: 'SACK blocks in bytes that are sent, and in the FIN of `close`',
    example: ['connect', 'in syn 0, ack 1, mss 1460, sack-ok', 'in data 101..201, ack 1', 'close'],
    explains: (lines, linux) =>
      /^(write|close|shutdown|in )/.test(lines.at(-1) ?? '') &&
      /(data|fin)\b.*sack/.test(linux.join('\n')),
  },
  {
    row: 'the SACK block of bytes that came twice, if others come before its acknowledgment',
    example: [
      ...['connect', 'in syn 0, ack 1, mss 1460, sack-ok', 'in data 1..3, ack 1', 'write 536'],
      ...['in data 1..101, ack 537', 'in data 101..102, ack 537', 'write 1'],
    ],
    explains: (_, linux, memory) => {
      const [theirs, ours] = [linux, memory].map(texts => texts.join('\n'))
      return theirs !== ours && theirs?.replace(/, sack [\d.]+/, '') === ours
    },
  },
  {
    row: 'SACK blocks of bytes after a FIN',
    example: [
      'connect',
      'in syn 0, ack 1, mss 1460, sack-ok',
      'in fin 1461, ack 1',
      'in data 1461..2461, ack 1',
    ],
    explains: (lines, linux, memory) => {
      const [theirs, ours] = [linux, memory].map(texts =>
        texts.join('\n').replaceAll(/, sack .*/g, ''),
      )
      return lines.some(line => line.includes('fin')) && theirs === ours
    },
  },
  {
    row: 'bytes sent after duplicate acknowledgments without SACK',
    example: ['connect', 'in syn 0, ack 1', 'write 100', 'in ack 1', 'write 1460', 'in ack 1'],
    explains: (lines, linux, memory) =>
      !lines.some(line => line.includes('sack-ok')) &&
      memory.length === linux.length + 1 &&
      linux.every(text => memory.includes(text)) &&
      memory.some(text => !linux.includes(text) && text.startsWith('data')),
  },
]

const isStart = (some: readonly string[], all: readonly string[]): boolean =>
  some.every((text, i) => text === all[i])

const withoutDf = (reply: string | undefined): string | undefined =>
  reply?.replace('offset 0x4000', 'offset 0x0')

/** The types of options of IPv4 in the packets. */
function optionsOf(sent: string): ReadonlySet<number> {
  const types = new Set<number>()
  for (const [, hex = ''] of sent.matchAll(/\bip [^/]*options ([\da-f]+)/g)) {
    const bytes = Buffer.from(hex, 'hex')
    for (let at = 0; at < bytes.length; ) {
      const type = bytes[at] as number
      types.add(type)
      if (type === 0) break
      at += type === 1 ? 1 : Math.max(bytes[at + 1] ?? 0, 1)
    }
  }
  return types
}
