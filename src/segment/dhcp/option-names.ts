/** The options of DHCP that a configuration may set, by name; others by their number, in hex. */
import type { OptionType } from './option-values.ts'

/** Code and type, from RFC 2132 and the IANA registry of BOOTP parameters. */
const NAMED: Readonly<Record<string, readonly [code: number, type: OptionType]>> = {
  'subnet-mask': [1, 'address'],
  'time-offset': [2, 'i32'],
  router: [3, 'addresses'],
  'time-server': [4, 'addresses'],
  'dns-server': [6, 'addresses'],
  'log-server': [7, 'addresses'],
  'lpr-server': [9, 'addresses'],
  'boot-file-size': [13, 'u16'],
  'domain-name': [15, 'text'],
  'swap-server': [16, 'address'],
  'root-path': [17, 'text'],
  'extensions-path': [18, 'text'],
  'ip-forwarding': [19, 'flag'],
  'non-local-source-routing': [20, 'flag'],
  'policy-filter': [21, 'pairs'],
  'max-datagram-reassembly': [22, 'u16'],
  'default-ttl': [23, 'u8'],
  'mtu-timeout': [24, 'u32'],
  'mtu-plateau': [25, 'u16s'],
  mtu: [26, 'mtu'],
  'all-subnets-local': [27, 'flag'],
  broadcast: [28, 'address'],
  'mask-discovery': [29, 'flag'],
  'router-discovery': [31, 'flag'],
  'router-solicitation': [32, 'address'],
  'classful-static-routes': [33, 'pairs'],
  'trailer-encapsulation': [34, 'flag'],
  'arp-timeout': [35, 'u32'],
  'ethernet-encapsulation': [36, 'flag'],
  'tcp-ttl': [37, 'u8'],
  'tcp-keepalive': [38, 'u32'],
  'nis-domain': [40, 'text'],
  'nis-server': [41, 'addresses'],
  'ntp-server': [42, 'addresses'],
  'vendor-specific': [43, 'octets'],
  'netbios-name-server': [44, 'addresses'],
  'netbios-datagram-server': [45, 'addresses'],
  'netbios-node-type': [46, 'u8'],
  'netbios-scope': [47, 'text'],
  'x-font-server': [48, 'addresses'],
  'x-display-manager': [49, 'addresses'],
  'vendor-class': [60, 'text'],
  'nisplus-domain': [64, 'text'],
  'nisplus-server': [65, 'addresses'],
  'tftp-server': [66, 'text'],
  bootfile: [67, 'text'],
  'smtp-server': [69, 'addresses'],
  'pop3-server': [70, 'addresses'],
  'nntp-server': [71, 'addresses'],
  'www-server': [72, 'addresses'],
  'irc-server': [74, 'addresses'],
  'posix-timezone': [100, 'text'],
  'tz-name': [101, 'text'],
  'ipv6-only': [108, 'u32'],
  'captive-portal': [114, 'text'],
  'domain-search': [119, 'names'],
  'static-routes': [121, 'routes'],
  'vendor-identifying-class': [124, 'octets'],
  'vendor-identifying-specific': [125, 'octets'],
  'tftp-server-address': [150, 'addresses'],
  'pxelinux-configfile': [209, 'text'],
  'pxelinux-pathprefix': [210, 'text'],
  'pxelinux-reboottime': [211, 'u32'],
  'microsoft-static-routes': [249, 'routes'],
  wpad: [252, 'text'],
}

/** Those that the server writes itself, or a client, or a relay. */
const NOT_SET = [0, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 61, 82, 255]

const TYPES = new Map(Object.values(NAMED).map(([code, type]) => [code, type]))

/** Every name there is, in the order of codes. */
export const optionNames: readonly string[] = Object.keys(NAMED)

/** Code and type of `router`, or of `224`, whose type is octets unless it has a name; undefined when it cannot be set. */
export function optionOf(name: string): { code: number; type: OptionType } | undefined {
  const named = Object.hasOwn(NAMED, name) ? NAMED[name] : undefined
  if (named !== undefined) return { code: named[0], type: named[1] }
  const code = Number(name)
  if (!/^[1-9][0-9]{0,2}$/.test(name) || code > 254 || NOT_SET.includes(code)) return undefined
  return { code, type: TYPES.get(code) ?? 'octets' }
}
