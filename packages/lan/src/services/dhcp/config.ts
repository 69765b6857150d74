/**
 * The DHCP configuration: its schema, DhcpSpec as written, and DhcpConfig for the server. The
 * schema and networks have been checked (lan/config); this file checks options, boot fields and
 * times.
 */
import { EINVAL, parseIpv4, parsePrefix, VnetError } from 'vnet'
import { schema } from 'vnet/kit/config'
import { get32, ipv4Bytes, maskOf } from 'vnet/kit/packet'
import { encodeOption, type OptionType, optionOf } from './options.ts'

export const label = '[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?'

export const ipv4 = schema.string('an IPv4 address', {
  format: 'ipv4',
  accepts: text => parseIpv4(text) !== undefined,
})
export const macAddress = schema.string('a unicast MAC address', {
  pattern: '^[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}$',
})
const textSchema = schema.string('text', { pattern: '.' })
const secondsSchema = schema.integer(1, 0xffff_fffe, 'a number of seconds')
const secondsOrInfinite = schema.either(secondsSchema, schema.oneOf('infinite'))
const range = schema.string('an address or FIRST-LAST', { pattern: '^[0-9.]+( *- *[0-9.]+)?$' })
const scalar = schema.either(schema.anyText, { type: 'integer' } as schema.Typed<number>)
const optionsSchema = schema.record(
  schema.either(scalar, schema.flag, schema.list(scalar), { type: 'null' } as schema.Typed<null>),
)
const boot = schema.object({
  nextServer: schema.about(
    'The server of the file. Default: the gateway, if there is a file.',
    ipv4,
  ),
  serverName: schema.about('The name of the server.', textSchema),
  file: schema.about('The name of the file.', textSchema),
})

const clientIdSchema = schema.string('a client identifier such as 01:02:00:00', {
  pattern: '^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){0,254}$',
})
const reservation = schema.object(
  {
    mac: schema.about('The MAC address of the client, or instead its clientId.', macAddress),
    clientId: schema.about(
      'Option 61 of the client in hex, including its type byte.',
      clientIdSchema,
    ),
    address: schema.about('The address that the client gets in any case.', ipv4),
    hostname: schema.about(
      'The name of the client.',
      schema.string('a host name', { pattern: `^${label}$`, maxLength: 253 }),
    ),
    options: schema.about('Options of this client, before those of `dhcp`.', optionsSchema),
    boot: schema.about('The network boot of this client.', boot),
  },
  'address',
)

export const dhcp = schema.object({
  pool: schema.about(
    'Addresses for any client. Default: the 100th to the 199th of the network; of one smaller than /24 the upper half.',
    schema.oneOrMore(range),
  ),
  reservations: schema.about('Addresses of certain clients.', schema.list(reservation)),
  leaseTime: schema.about(
    'Seconds for a client that requests no time. Default: 3600.',
    secondsOrInfinite,
  ),
  minLeaseTime: schema.about(
    'The shortest lease, for a client that requests less. Default: 60, or leaseTime if that is less.',
    secondsSchema,
  ),
  maxLeaseTime: schema.about(
    'The longest lease, for a client that requests more. Default: leaseTime.',
    secondsOrInfinite,
  ),
  renewalTime: schema.about(
    'When a client renews its lease (T1). Default: after a half of the lease.',
    secondsSchema,
  ),
  rebindingTime: schema.about(
    'When it asks any server (T2). Default: after seven eighths of the lease.',
    secondsSchema,
  ),
  offerTime: schema.about('How long an offered address is kept. Default: 30.', secondsSchema),
  declineTime: schema.about(
    'How long an address that a client declined is not offered. Default: 600.',
    secondsSchema,
  ),
  authoritative: schema.about(
    'Whether this is the only DHCP server. Default: true; false with an uplink.',
    schema.flag,
  ),
  options: schema.about(
    'Options by name or number; null removes a default. Default: mask, router, resolver, broadcast address and domain.',
    optionsSchema,
  ),
  always: schema.about(
    'Options that are sent even if a client does not request them.',
    schema.list(textSchema),
  ),
  boot: schema.about('Network boot.', boot),
})

type OptionsSpec = schema.TypeOf<typeof optionsSchema>
type ReservationSpec = schema.TypeOf<typeof reservation>
type BootSpec = schema.TypeOf<typeof boot>
/** The part of a configuration file about DHCP, as written. */
export type FileDhcp = schema.TypeOf<typeof dhcp>

/** The part of a file with its defaults: lists of options include what other parts determine. */
export interface DhcpSpec extends Omit<FileDhcp, 'pool'> {
  /** The server's own address, in the network. */
  readonly server: string
  /** `198.18.0.0/24` */
  readonly network: string
  /** Addresses for any client, `198.18.0.100-198.18.0.199` or a single one. */
  readonly ranges: readonly string[]
}

/**
 * The checked configuration for the server. Addresses are unsigned numbers, options are encoded.
 */
export type DhcpConfig = ReturnType<typeof dhcpConfig>
/** The address that a client gets in any case, with the client's own options. */
export type Reservation = ReturnType<typeof toReservation>

/** Addresses as unsigned numbers, both ends included. */
export type AddressRange = Readonly<{ first: number; last: number }>

/** The lease time that never ends (RFC 2131 sec. 3.3). */
export const DHCP_INFINITE = 0xffff_ffff

export const isInNetwork = ({ network, mask }: DhcpConfig, address: number): boolean =>
  (address & mask) >>> 0 === network

/** Throws a VnetError EINVAL such as `dhcp.options.mtu: ...; the option takes ...`. */
export function dhcpConfig(spec: DhcpSpec) {
  const server = parseIpv4(spec.server)!
  const { bytes, prefixLen } = parsePrefix(spec.network)!
  const network = get32(bytes, 0)
  const mask = maskOf(prefixLen)
  const reservations = (spec.reservations ?? []).map((one, i) =>
    toReservation(one, `reservations[${i}]`, server),
  )
  // The first of several reservations for one client counts.
  const reservedFor = (
    of: (one: Reservation) => string | undefined,
  ): ReadonlyMap<string, Reservation> =>
    new Map(
      reservations.toReversed().flatMap(one => (of(one) === undefined ? [] : [[of(one)!, one]])),
    )
  const usual: [number, Uint8Array][] = [
    [1, ipv4Bytes(mask)],
    [3, ipv4Bytes(server)],
    [6, ipv4Bytes(server)],
    [28, ipv4Bytes((network | ~mask) >>> 0)],
  ]
  return {
    server,
    network,
    mask,
    ranges: spec.ranges.map(toRange),
    options: new Map([...usual, ...toOptions(spec.options, 'options')]),
    byMac: reservedFor(one => one.mac),
    byClientId: reservedFor(one => one.clientId),
    byAddress: new Map(reservations.map(one => [one.address, one])) as ReadonlyMap<
      number,
      Reservation
    >,
    reservedNames: new Set(
      reservations.flatMap(({ hostname }) => hostname ?? []),
    ) as ReadonlySet<string>,
    always: (spec.always ?? []).map((name, i) => toOption(name, `always[${i}]`).code),
    boot: toBoot(spec.boot, 'boot', server),
    ...times(spec),
    authoritative: spec.authoritative ?? false,
  }
}

const wrong = (place: string, advice: string): VnetError =>
  new VnetError(EINVAL, `dhcp.${place}`, advice)

function toRange(text: string): AddressRange {
  const [first, last = first] = text.split('-').map(part => parseIpv4(part.trim())!) as [
    number,
    number?,
  ]
  return { first, last }
}

function toOption(name: string, place: string): { code: number; type: OptionType } {
  const option = optionOf(name)
  if (option !== undefined) return option
  throw wrong(
    place,
    `no option ${JSON.stringify(name)} to set: use a name such as router, dns-server or mtu, or a number`,
  )
}

function toOptions(spec: OptionsSpec = {}, place: string): ReadonlyMap<number, Uint8Array | null> {
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

function toBoot({ nextServer, serverName, file }: BootSpec = {}, place: string, server: number) {
  const usual = file ? server : 0
  return {
    siaddr: nextServer === undefined ? usual : parseIpv4(nextServer)!,
    sname: toText(serverName, `${place}.serverName`, 63),
    file: toText(file, `${place}.file`, 127),
  }
}

function toText(text = '', place: string, max: number): Uint8Array {
  const bytes = new TextEncoder().encode(text)
  if (bytes.length > max || bytes.includes(0)) {
    throw wrong(place, `it takes at most ${max} bytes without NUL: shorten it`)
  }
  return bytes
}

function toReservation(spec: ReservationSpec, place: string, server: number) {
  const { mac, clientId, hostname } = spec
  if ((mac === undefined) === (clientId === undefined)) {
    throw wrong(place, 'it is for one client: give either its mac or its clientId')
  }
  return {
    mac: mac?.toLowerCase(),
    clientId: clientId?.toLowerCase(),
    address: parseIpv4(spec.address)!,
    hostname: hostname?.toLowerCase(),
    options: toOptions(spec.options, `${place}.options`),
    boot: spec.boot && toBoot(spec.boot, `${place}.boot`, server),
  }
}

/** All in seconds. */
function times({
  offerTime = 30,
  declineTime = 600,
  renewalTime,
  rebindingTime,
  ...spec
}: DhcpSpec) {
  const seconds = (value: number | 'infinite') => (value === 'infinite' ? DHCP_INFINITE : value)
  const leaseTime = seconds(spec.leaseTime ?? 3600)
  const minLeaseTime = spec.minLeaseTime ?? Math.min(60, leaseTime)
  const maxLeaseTime = seconds(spec.maxLeaseTime ?? leaseTime)
  if (minLeaseTime > leaseTime || leaseTime > maxLeaseTime) {
    throw wrong(
      'leaseTime',
      'it must lie between minLeaseTime and maxLeaseTime: change one of the three',
    )
  }
  if ((renewalTime ?? 0) > (rebindingTime ?? DHCP_INFINITE)) {
    throw wrong('renewalTime', 'a client renews before it rebinds: make it at most rebindingTime')
  }
  return {
    leaseTime,
    minLeaseTime,
    maxLeaseTime,
    renewalTime,
    rebindingTime,
    offerTime,
    declineTime,
  }
}
