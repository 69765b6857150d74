/** What definitions of hosts mean: their addresses, and what they do with what they get. */
import { EINVAL, VnetError } from '../core/errno.ts'
import { ETH_ALEN } from '../header/ethernet.ts'
import { IPV4_ALEN } from '../header/ipv4.ts'
import { IPV6_ALEN } from '../header/ipv6.ts'
import { get32, put32 } from '../header/octets.ts'
import type { HostDefinition, HostHandlers, HostRange, SmallService, UdpHandler, UdpService } from './host.ts'
import { addressOf, type HostAddresses, type HostKind, macOf } from './host-table.ts'
import { handled } from './udp-handler.ts'
import { CHARGEN, chargen, DAYTIME, DISCARD, daytime, discard, ECHO, echo } from './udp-services.ts'

const SERVICES: Readonly<Record<SmallService, UdpService>> = { echo, discard, daytime, chargen }

/** The services that a host has unless told otherwise, by port. */
const USUAL: readonly (readonly [number, SmallService])[] = [
  [ECHO, 'echo'],
  [DISCARD, 'discard'],
  [DAYTIME, 'daytime'],
  [CHARGEN, 'chargen'],
]

interface Named {
  readonly addresses: HostAddresses
  readonly name: string | undefined
}

/** What hosts of a definition do. VnetError EINVAL on a port or a message type that there is not. */
export function kindOf(definition: {
  readonly router?: boolean | undefined
  readonly services?: boolean | undefined
  readonly on?: HostHandlers | undefined
}): HostKind {
  const { router = false, services = true, on = {} } = definition
  const usual = services ? USUAL : []
  const udp = [...usual, ...numbered(on.udp, 65535)].map(([port, does]) => [port, serviceOf(does)] as const)
  return {
    router,
    udp: new Map(udp),
    icmpv6: new Map(numbered(on.icmpv6, 255)),
    tcp: new Map<number, unknown>([...usual, ...numbered(on.tcp, 65535)]),
  }
}

function serviceOf(does: UdpHandler | SmallService): UdpService {
  if (typeof does === 'function') return handled(does)
  if (Object.hasOwn(SERVICES, does)) return SERVICES[does]
  throw new VnetError(EINVAL, `host: udp '${does}'`, `it is a function, or one of ${Object.keys(SERVICES).join(', ')}`)
}

/** The addresses and the name of a definition. VnetError EINVAL on an address that is none, or when there is none at all. */
export function namesOf({ name, mac, ip, ip6 }: HostDefinition, oui: Uint8Array): Named {
  const all4 = list(ip).map(text => addressOf(text, IPV4_ALEN))
  const all6 = list(ip6).map(text => addressOf(text, IPV6_ALEN))
  const first = all4[0] ?? all6[0]
  if (mac === undefined && first === undefined) throw new VnetError(EINVAL, `host ${name ?? ''}`, 'give it an address')
  return { name, addresses: { mac: mac === undefined ? macFor(first, oui) : macOf(mac), ip: all4, ip6: all6 } }
}

/** The hosts of a range, in order. */
export function* rangeAddresses(range: HostRange, oui: Uint8Array): Generator<Named> {
  const { count, name, except = () => false } = range
  const ip = range.ip === undefined ? undefined : addressOf(range.ip, IPV4_ALEN)
  const ip6 = range.ip6 === undefined ? undefined : addressOf(range.ip6, IPV6_ALEN)
  if (ip === undefined && ip6 === undefined) throw new VnetError(EINVAL, 'range of hosts', 'give it a first address')
  for (let n = 0, place = 0; n < count; place++) {
    const own4 = ip && plus(ip, place)
    if (own4 !== undefined && except(get32(own4, 0))) continue
    const own6 = ip6 && plus(ip6, place)
    const mac = macFor((own4 ?? own6) as Uint8Array, oui)
    n++
    yield {
      name: name?.replace('%d', String(n)),
      addresses: { mac, ip: own4 === undefined ? [] : [own4], ip6: own6 === undefined ? [] : [own6] },
    }
  }
}

/** The hardware address of who has a protocol address: the segment's first three octets, and the address's last three. */
export function macFor(address: Uint8Array, oui: Uint8Array): Uint8Array {
  const mac = new Uint8Array(ETH_ALEN)
  mac.set(oui.subarray(0, 3))
  mac.set(address.subarray(-3), 3)
  return mac
}

/** The address `n` places on: its last four octets counted up. */
export function plus(address: Uint8Array, n: number): Uint8Array {
  const octets = address.slice()
  const at = octets.length - 4
  put32(octets, at, get32(octets, at) + n)
  return octets
}

function list(text: string | readonly string[] | undefined): readonly string[] {
  return text === undefined ? [] : typeof text === 'string' ? [text] : text
}

/** The entries of what is kept by number, 0 to `most`. */
function numbered<T>(record: Readonly<Record<number, T>> = {}, most: number): [number, T][] {
  return Object.entries(record).map(([key, value]) => {
    const n = Number(key)
    if (Number.isInteger(n) && n >= 0 && n <= most) return [n, value]
    throw new VnetError(EINVAL, `host: on ${key}`, `a whole number from 0 to ${most} is needed`)
  })
}
