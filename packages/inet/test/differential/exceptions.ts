/** Differences of the two hosts that rows of docs/linux.md describe, each as narrow as it is. */

export interface Exception {
  /** The first cell of the row. */
  readonly row: string
  /** Packets about the last of which the hosts differ. */
  readonly example: readonly string[]
  /** Whether it is the difference of a case: `sent` has its packets, the others are the replies. */
  explains(sent: string, linux: readonly string[], memory: readonly string[]): boolean
}

const [CIPSO, LOOSE_ROUTE, STRICT_ROUTE] = [134, 131, 137]

export const EXCEPTIONS: readonly Exception[] = [
  {
    row: 'security labels in IP options (CIPSO)',
    example: ['ip options 8608000300000000 / icmp echo'],
    explains: sent => optionsOf(sent).has(CIPSO),
  },
  {
    row: 'an ICMP error about an IP option after a source route',
    example: ['ip options 830708c00002090107020000 / icmp echo'],
    explains: (sent, linux, memory) =>
      (optionsOf(sent).has(LOOSE_ROUTE) || optionsOf(sent).has(STRICT_ROUTE)) &&
      [linux, memory].every(([reply = '']) => reply.includes('icmp type 12, code 0')),
  },
  {
    row: 'routes and times of IP options in replies of TCP',
    example: ['ip options 07030800 / tcp flags 16'],
    explains: (sent, linux, memory) =>
      /\boptions .*tcp/.test(sent) &&
      linux.length === 1 &&
      [linux[0], withoutDf(linux[0])].some(reply => reply?.replace(/, options \w+ \/ tcp/, ' / tcp') === memory[0]),
  },
  {
    row: 'DF of SYN-ACK and RST after a reported MTU below 552',
    example: ['ip / icmp type 3, code 4, mtu 68 / ip from host, to peer / icmp reply / data 8', 'ip / tcp flags 2'],
    explains: (_, linux, memory) =>
      linux.length === 1 && / tcp (rst|syn.ack)/.test(linux[0] ?? '') && withoutDf(linux[0]) === memory[0],
  },
  {
    row: 'a neighbour solicitation from an address of the host itself',
    example: [
      'ip6 hops 255, from fe80::ff:fe00:1, to solicited / nd ns, target host / lladdr type 1',
      'ip6 hops 255, from fe80::ff:fe00:1 / nd ns, target host',
    ],
    explains: (sent, linux, memory) =>
      /from (host|fe80::ff:fe00:1)\b/.test(sent) && memory.length === 0 && / icmp type 13[56],/.test(linux[0] ?? ''),
  },
  {
    row: 'an IPv6 packet of length 0 with options for each hop, but none for a jumbogram',
    example: ['ip6 len 0 / hop 010400000000 / icmp6 echo'],
    explains: (sent, _, memory) => /\bip6 [^/]*len 0\b.*hop/.test(sent) && memory.length === 0,
  },
  {
    row: 'UDP-Lite (RFC 3828)',
    example: ['ip proto 136'],
    explains: (sent, _, memory) => /\b(proto|next) 136\b/.test(sent) && memory.length <= 1,
  },
]

const withoutDf = (reply: string | undefined): string | undefined => reply?.replace('offset 0x4000', 'offset 0x0')

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
