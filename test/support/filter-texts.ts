import type { Random } from '#src/base/random.ts'

/** Filters that vnet compiles with and without libpcap. */
export const FILTER_TEXTS: readonly string[] = [
  'tcp port 80',
  'host 198.18.0.1 and not icmp',
  'ether proto 0x88cc',
  'ip6 host 2001:db8::1',
  'tcp[13] & 2 != 0',
  'greater 1000',
  'less 60',
  'arp',
  'net 198.18.0.0/15',
  'portrange 50-90',
  'ip',
  'ip6',
  'udp port 53 or tcp src portrange 4000-5000',
  'icmp',
  'icmp6',
  'icmp[icmptype] = icmp-echo',
  'ether host 02:00:00:00:00:01',
  'ether dst 02:00:00:00:00:01',
  'ether multicast',
  'ether broadcast',
  'ip multicast',
  'ip proto 33',
  'ip6 proto 17',
  'src net 198.18.0.0 mask 255.255.0.0',
  'sctp',
  'not ip and not ip6',
  'ip[6:2] & 0x1fff != 0',
  'ip[2:2] > 40',
  'len - 14 != ip[2:2]',
  'ether[len - 1] = 0x5a',
  'tcp[((tcp[12] & 0xf0) >> 2):4] = 0x01020304',
  '(ip[8] * 4 + ip[9]) % 7 = 3',
  'ip[8] / (ip[1] >> 4) > 9',
  'ether[12:4] ^ 0xffffffff < 0x7fffffff',
  'ether[ether[14]] << (ether[15] & 63) > 4',
  '-ether[13] & 0xff > 7',
  'ether[15] >> ether[16] | ether[17] != 0',
  'tcp or udp port 53',
  'dst host 198.18.0.2',
  'udp[4:2] > 12 and udp[8] = 1',
  'ip and (udp or tcp) and not port 53',
  'ip6[40] = 58',
  '',
]

/** Returns a random filter of the forms that are compiled without libpcap. */
export function randomFilter(numbers: Random, depth: number): string {
  const one = (...of: readonly string[]) => of[numbers.below(of.length)] as string
  const sub = () => randomFilter(numbers, depth - 1)
  const number = () => one('0', '1', '2', '6', '0x10', '53', '80', '0xff', '4000')
  const header = () => one('ether', 'ip', 'ip6', 'arp', 'tcp', 'udp', 'icmp', 'icmp6', 'sctp')
  const operator = () => one('+', '-', '*', '/', '&', '|', '<<', '>>', '%', '^')
  function value(levels: number): string {
    const kind = numbers.below(levels > 0 ? 6 : 2)
    if (kind === 0) return number()
    if (kind <= 2) {
      return `${header()}[${numbers.below(4) === 0 ? `${header()}[${numbers.below(24)}] & 63` : numbers.below(24)}${one('', ':1', ':2', ':4')}]`
    }
    if (kind === 3) return one('len', `-${value(0)}`)
    return kind === 4
      ? `(${value(levels - 1)})`
      : `${value(levels - 1)} ${operator()} ${value(levels - 1)}`
  }
  const direction = () => one('', 'src ', 'dst ', 'src or dst ', 'src and dst ')
  switch (numbers.below(depth > 0 ? 10 : 6)) {
    case 0:
      return one(
        'ip',
        'ip6',
        'arp',
        'tcp',
        'udp',
        'icmp',
        'icmp6',
        'sctp',
        'rarp',
        'multicast',
        'broadcast',
      )
    case 1:
      return `${one('', 'tcp ', 'udp ')}${direction()}port ${one('53', '80', '4000', '(53 or 80)')}`
    case 2:
      return `${one('', 'ip ', 'arp ')}${direction()}${one('host 198.18.0.1', 'host 198.18.0.2', 'net 198.18.0.0/16', 'net 198')}`
    case 3:
      // With /33, libpcap's optimizer loses frames of `src and dst net N or net N`.
      return `${direction()}${one('host 2001:db8::1', 'net 2001:db8::/32', 'portrange 50-4000')}`
    case 4:
      return `${one('ether[0] & 1 + ', '')}${value(2)} ${one('=', '!=', '>', '<', '>=', '<=')} ${value(1)}`
    case 5:
      return `${one('ip proto', 'ip6 proto', 'proto', 'less', 'greater')} ${one('6', '17', '58', '60')}`
    case 6:
      return `not ${sub()}`
    case 7:
      return `(${sub()})`
    default:
      return `${sub()} ${one('and', 'or', '&&', '||')} ${sub()}`
  }
}
