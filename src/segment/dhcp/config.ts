/**
 * What the DHCP server gives to whom. `dhcpConfig` checks a description once and makes of it what the server looks up: what is
 * wrong is a VnetError EINVAL, which names the place in the description.
 */
import { EINVAL, VnetError } from '../../core/errno.ts'
import { addressOctets, maskOf, parseIpv4, parseIpv4Prefix } from '../../header/ipv4-address.ts'
import { toClientId, toMac } from './client.ts'
import { toHostname } from './hostname.ts'
import { optionOf } from './option-names.ts'
import { encodeOption, type OptionType } from './option-values.ts'
import type { BootSpec, DhcpSpec, OptionsSpec, ReservationSpec, SubnetSpec } from './spec.ts'

type SetOptions = ReadonlyMap<number, Uint8Array | null>

export interface Subnet {
  readonly network: number
  readonly mask: number
  readonly ranges: readonly { readonly first: number; readonly last: number }[]
  readonly options: SetOptions
}

export interface Boot {
  readonly siaddr: number
  readonly sname: Uint8Array
  readonly file: Uint8Array
}

export interface Reservation {
  readonly mac: string | undefined
  readonly clientId: string | undefined
  readonly address: number
  readonly hostname: string | undefined
  readonly options: SetOptions
  readonly boot: Boot | undefined
}

export interface DhcpConfig {
  readonly server: number
  readonly subnets: readonly Subnet[]
  /** Those of a MAC address and of a client identifier, and by address. */
  readonly byMac: ReadonlyMap<string, readonly Reservation[]>
  readonly byClientId: ReadonlyMap<string, readonly Reservation[]>
  readonly byAddress: ReadonlyMap<number, Reservation>
  readonly reservedNames: ReadonlySet<string>
  readonly always: readonly number[]
  readonly boot: Boot
  /** Seconds; DHCP_INFINITE is for ever. */
  readonly leaseTime: number
  readonly minLeaseTime: number
  readonly maxLeaseTime: number
  readonly renewalTime: number | undefined
  readonly rebindingTime: number | undefined
  readonly offerTime: number
  readonly declineTime: number
  readonly authoritative: boolean
}

/** A lease time of no end (RFC 2131 sec. 3.3). */
export const DHCP_INFINITE = 0xffff_ffff

export function isWithin(subnet: Subnet, address: number): boolean {
  return (address & subnet.mask) >>> 0 === subnet.network
}

/** @throws VnetError EINVAL, `dhcp.subnets[0].ranges[0]: ...; write it as ...` */
export function dhcpConfig(spec: DhcpSpec): DhcpConfig {
  const server = toAddress(spec.server, 'server')
  const common = toOptions(spec.options, 'options')
  const subnets = spec.subnets.map((subnet, i) => toSubnet(subnet, `subnets[${i}]`, server, common))
  const at = subnets.findIndex((one, i) => subnets.some((other, j) => j < i && intersect(one, other)))
  if (at !== -1) throw wrong(`subnets[${at}].network`, 'it overlaps another subnet: give every network once')
  if (!subnets.some(subnet => isWithin(subnet, server)))
    throw wrong('server', `no subnet holds ${spec.server}: add the one of the segment`)
  const reservations = (spec.reservations ?? []).map((one, i) =>
    toReservation(one, `reservations[${i}]`, server, subnets),
  )
  return {
    server,
    subnets,
    ...indexed(reservations),
    always: (spec.always ?? []).map((name, i) => toOption(name, `always[${i}]`).code),
    boot: toBoot(spec.boot, 'boot', server),
    ...times(spec),
    authoritative: spec.authoritative ?? false,
  }
}

function wrong(place: string, advice: string): VnetError {
  return new VnetError(EINVAL, `dhcp.${place}`, advice)
}

function toAddress(text: string, place: string): number {
  const address = parseIpv4(text)
  if (address === undefined) throw wrong(place, `${JSON.stringify(text)} is no IPv4 address: write it as 198.18.0.1`)
  return address
}

function toSubnet(spec: SubnetSpec, place: string, server: number, common: SetOptions): Subnet {
  const prefix = parseIpv4Prefix(spec.network)
  const mask = maskOf(prefix?.length ?? 0)
  if (prefix === undefined || prefix.length < 8 || prefix.length > 30 || (prefix.address & ~mask) !== 0)
    throw wrong(
      `${place}.network`,
      `${JSON.stringify(spec.network)} is no network: write it as 198.18.0.0/24, of /8 to /30`,
    )
  const network = prefix.address
  const ranges = (spec.ranges ?? []).map((text, i) => toRange(text, `${place}.ranges[${i}]`, network, mask))
  const here = (server & mask) >>> 0 === network
  const defaults: [number, Uint8Array][] = [
    [1, addressOctets(mask)],
    ...(here ? [[3, addressOctets(server)] as [number, Uint8Array]] : []),
    [6, addressOctets(server)],
    [28, addressOctets((network | ~mask) >>> 0)],
  ]
  const options = new Map([...defaults, ...common, ...toOptions(spec.options, `${place}.options`)])
  return { network, mask, ranges, options }
}

function intersect(one: Subnet, other: Subnet): boolean {
  return isWithin(one, other.network) || isWithin(other, one.network)
}

function toRange(text: string, place: string, network: number, mask: number): { first: number; last: number } {
  const [from = '', to = from, more] = text.split('-')
  const [first, last] = [parseIpv4(from.trim()), parseIpv4(to.trim())]
  if (first === undefined || last === undefined || more !== undefined || first > last)
    throw wrong(place, `${JSON.stringify(text)} is no range: write it as 198.18.0.100-198.18.0.199`)
  const broadcast = (network | ~mask) >>> 0
  if (first <= network || last >= broadcast) throw wrong(place, `${text} leaves the hosts of its network: mend either`)
  return { first, last }
}

function toOption(name: string, place: string): { code: number; type: OptionType } {
  const option = optionOf(name)
  if (option !== undefined) return option
  throw wrong(place, `no option ${JSON.stringify(name)} to set: use a name as router, dns-server, mtu, or a number`)
}

function toOptions(spec: OptionsSpec = {}, place: string): SetOptions {
  const options = new Map<number, Uint8Array | null>()
  for (const [name, value] of Object.entries(spec)) {
    const { code, type } = toOption(name, `${place}.${name}`)
    try {
      options.set(code, value === null ? null : encodeOption(type, value))
    } catch (error) {
      throw wrong(`${place}.${name}`, `the option ${(error as Error).message}`)
    }
  }
  return options
}

function toBoot(spec: BootSpec = {}, place: string, server: number): Boot {
  const siaddr =
    spec.nextServer === undefined ? (spec.file ? server : 0) : toAddress(spec.nextServer, `${place}.nextServer`)
  return {
    siaddr,
    sname: toText(spec.serverName, `${place}.serverName`, 63),
    file: toText(spec.file, `${place}.file`, 127),
  }
}

function toText(text = '', place: string, max: number): Uint8Array {
  const octets = new TextEncoder().encode(text)
  if (octets.length > max || octets.includes(0))
    throw wrong(place, `it has ${max} octets at most, and no NUL: shorten it`)
  return octets
}

function toReservation(spec: ReservationSpec, place: string, server: number, subnets: readonly Subnet[]): Reservation {
  if ((spec.mac === undefined) === (spec.clientId === undefined))
    throw wrong(place, 'it is for one client: give either its mac or its clientId')
  const mac = spec.mac === undefined ? undefined : toMac(spec.mac)
  if (spec.mac !== undefined && mac === undefined)
    throw wrong(`${place}.mac`, `${JSON.stringify(spec.mac)} is no MAC address: write it as 02:00:00:00:00:01`)
  const clientId = spec.clientId === undefined ? undefined : toClientId(spec.clientId)
  if (spec.clientId !== undefined && clientId === undefined)
    throw wrong(
      `${place}.clientId`,
      `${JSON.stringify(spec.clientId)} is no identifier: write its octets as 01:02:00:00`,
    )
  const address = toAddress(spec.address, `${place}.address`)
  const subnet = subnets.find(one => isWithin(one, address))
  const broadcast = subnet === undefined ? 0 : (subnet.network | ~subnet.mask) >>> 0
  if (subnet === undefined || [server, subnet.network, broadcast].includes(address))
    throw wrong(`${place}.address`, `${spec.address} is no host's address in a subnet: choose one that is`)
  const hostname = spec.hostname === undefined ? undefined : toHostname(spec.hostname)
  if (spec.hostname !== undefined && hostname === undefined)
    throw wrong(
      `${place}.hostname`,
      `${JSON.stringify(spec.hostname)} is no host name: use letters, digits and hyphens`,
    )
  const boot = spec.boot === undefined ? undefined : toBoot(spec.boot, `${place}.boot`, server)
  return { mac, clientId, address, hostname, options: toOptions(spec.options, `${place}.options`), boot }
}

function indexed(
  reservations: readonly Reservation[],
): Pick<DhcpConfig, 'byMac' | 'byClientId' | 'byAddress' | 'reservedNames'> {
  const byMac = new Map<string, Reservation[]>()
  const byClientId = new Map<string, Reservation[]>()
  const byAddress = new Map<number, Reservation>()
  for (const [i, reservation] of reservations.entries()) {
    const { mac, clientId, address } = reservation
    if (byAddress.has(address)) throw wrong(`reservations[${i}].address`, 'it is reserved already: choose another')
    byAddress.set(address, reservation)
    if (mac !== undefined) byMac.set(mac, [...(byMac.get(mac) ?? []), reservation])
    if (clientId !== undefined) byClientId.set(clientId, [...(byClientId.get(clientId) ?? []), reservation])
  }
  const reservedNames = new Set(reservations.flatMap(({ hostname }) => hostname ?? []))
  return { byMac, byClientId, byAddress, reservedNames }
}

function times(spec: DhcpSpec) {
  const leaseTime = seconds(spec.leaseTime ?? 3600, 'leaseTime')
  const minLeaseTime = seconds(spec.minLeaseTime ?? Math.min(60, leaseTime), 'minLeaseTime')
  const maxLeaseTime = seconds(spec.maxLeaseTime ?? spec.leaseTime ?? 3600, 'maxLeaseTime')
  if (minLeaseTime > leaseTime || leaseTime > maxLeaseTime)
    throw wrong('leaseTime', 'it lies between minLeaseTime and maxLeaseTime: mend one of the three')
  const renewalTime = spec.renewalTime === undefined ? undefined : seconds(spec.renewalTime, 'renewalTime')
  const rebindingTime = spec.rebindingTime === undefined ? undefined : seconds(spec.rebindingTime, 'rebindingTime')
  if ((renewalTime ?? 0) > (rebindingTime ?? DHCP_INFINITE))
    throw wrong('renewalTime', 'a client renews before it rebinds: make it at most rebindingTime')
  return {
    leaseTime,
    minLeaseTime,
    maxLeaseTime,
    renewalTime,
    rebindingTime,
    offerTime: seconds(spec.offerTime ?? 30, 'offerTime'),
    declineTime: seconds(spec.declineTime ?? 600, 'declineTime'),
  }
}

function seconds(value: number | 'infinite', place: string): number {
  if (value === 'infinite') return DHCP_INFINITE
  if (Number.isInteger(value) && value >= 1 && value < DHCP_INFINITE) return value
  throw wrong(place, `${JSON.stringify(value)} is no time: give whole seconds, 1 or more`)
}
