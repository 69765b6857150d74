/** `vnet lan show [IF]`: hosts, leases, neighbours, stations and counters of a segment. */
import { EOPNOTSUPP, VnetError } from 'vnet'
import type { ControlClient, Found, FoundDevice, SegmentEntryKind, SegmentInfo } from 'vnet/control'
import {
  alignLeft,
  askInterface,
  askVnets,
  EXIT_FAILURE,
  EXIT_OK,
  fail,
  failAll,
  hasEnded,
  type Io,
  label,
  type QueryOptions,
} from 'vnet/kit/cli'

/** The parts by their options. Without options all are shown, and long lists are cut. */
const KINDS = {
  hosts: 'host',
  leases: 'lease',
  neighbours: 'neighbour',
  stations: 'station',
  counters: 'counter',
} as const satisfies Record<keyof SegmentInfo, SegmentEntryKind>
type Part = keyof typeof KINDS
const PARTS = Object.keys(KINDS) as Part[]

/** The options of the command: the parts to show. */
export type LanShowOptions = QueryOptions & { readonly [P in Part]: boolean | undefined }

type Shown = Readonly<{ interfaces: readonly string[]; segment: SegmentInfo }>

/** Rows of a list that are shown if no part is named. */
const ROWS = 20
/** The latest time that a Date can hold, in milliseconds. */
const DATE_MAX = 8.64e15

/** Shows the segment of an interface, or without a name of all vnets. Returns the exit status. */
export function lanShow(
  name: string | undefined,
  options: LanShowOptions,
  io: Io,
): Promise<number> {
  const named = PARTS.filter(part => options[part])
  const parts = named.length > 0 ? named : PARTS
  const rows = named.length > 0 ? Number.POSITIVE_INFINITY : ROWS
  const print = (shown: readonly Shown[]): void => {
    if (options.json) {
      io.out(
        `${JSON.stringify({ event: 'lan', segments: shown.map(each => json(each, parts)) })}\n`,
      )
    } else {
      io.out(shown.map(each => text(each, parts, rows)).join('\n'))
    }
  }
  if (name !== undefined) {
    return askInterface(
      name,
      io,
      async (client, device) => print([await ask(client, device, parts)]),
      options,
    )
  }
  const all = async (client: ControlClient, { devices, failed }: Found) => {
    const shown: Shown[] = []
    const errors: VnetError[] = [...failed]
    for (const vnet of new Set(devices.map(device => device.vnet))) {
      const device = devices.find(each => each.vnet === vnet) as FoundDevice
      try {
        shown.push(await ask(client, device, parts))
      } catch (error) {
        if (!(error instanceof VnetError)) throw error
        if (error.errno !== EOPNOTSUPP && !hasEnded(error)) {
          errors.push(error)
        }
      }
    }
    failAll(io, errors)
    if (shown.length > 0) {
      print(shown)
    } else if (errors.length === 0) {
      fail(io, 'no vnet here has a segment behind its interfaces: `vnet lan` makes one')
    }
    return shown.length > 0 && errors.length === 0 ? EXIT_OK : EXIT_FAILURE
  }
  return askVnets([], io, all, options)
}

async function ask(
  client: ControlClient,
  device: FoundDevice,
  parts: readonly Part[],
): Promise<Shown> {
  const kinds = parts.map(part => KINDS[part])
  const segment = await client.segment(device.vnet, device, kinds)
  return { interfaces: (await client.devices(device.vnet)).map(label), segment }
}

/** A name, client identifier or end that does not exist is null. */
function json({ interfaces, segment }: Shown, parts: readonly Part[]): object {
  const { hosts, leases, neighbours, stations, counters } = segment
  const all: Record<Part, unknown> = {
    hosts: hosts.map(host => ({ ...host, name: host.name ?? null })),
    leases: leases.map(({ clientId = null, hostname = null, expires, ...lease }) => {
      return { ...lease, clientId, hostname, expires: time(expires) ?? null }
    }),
    neighbours,
    stations: stations.map(({ name, mac = null }) => ({ name, mac })),
    counters,
  }
  return { interfaces, ...Object.fromEntries(parts.map(part => [part, all[part]])) }
}

/** The interfaces, the length of each list, and a table of at most `rows` rows for each part. */
function text({ interfaces, segment }: Shown, parts: readonly Part[], rows: number): string {
  const { hosts, leases, neighbours, stations, counters } = segment
  const tables: Record<Part, () => readonly (readonly string[])[]> = {
    hosts: () => [
      ['host', 'mac', 'addresses'],
      ...hosts.map(({ name = '-', mac, addresses }) => [
        name,
        mac,
        addresses.filter(isNotLinkLocal).join(' '),
      ]),
    ],
    leases: () => [
      ['lease', 'mac', 'name', 'expires'],
      ...leases.map(({ address, mac, hostname = '-', expires }) => [
        address,
        mac,
        hostname,
        time(expires) ?? 'never',
      ]),
    ],
    neighbours: () => [
      ['neighbour', 'mac'],
      ...neighbours.map(({ address, mac }) => [address, mac]),
    ],
    stations: () => [['station', 'mac'], ...stations.map(({ name, mac = '-' }) => [name, mac])],
    counters: () => [
      ['frames', counts(Object.entries(counters.frames))],
      ['dropped', counts(Object.entries(counters.dropped))],
      ['answered', counts(Object.entries(counters.answered).filter(([, n]) => n > 0))],
    ],
  }
  const lengths = parts.flatMap(part =>
    part === 'counters' ? [] : [[part, segment[part].length] as const],
  )
  const lines = parts.flatMap(part => {
    const table = tables[part]()
    // The heading is a row of the table.
    const more = part === 'counters' ? 0 : table.length - 1 - rows
    const shown = alignLeft(more > 0 ? table.slice(0, rows + 1) : table)
    return ['', ...shown, ...(more > 0 ? [`... ${more} more (--${part} shows all)`] : [])]
  })
  const summary = lengths.length > 0 ? [counts(lengths)] : []
  return [interfaces.join(' '), ...summary, ...lines].map(line => `${line}\n`).join('')
}

/** Every host with IPv6 has a link-local address, made from its MAC address. */
const isNotLinkLocal = (address: string): boolean => !address.startsWith('fe80:')

const counts = (entries: readonly (readonly [string, number])[]): string =>
  entries.length === 0 ? '-' : entries.map(([name, n]) => `${name} ${n}`).join(', ')

/** Returns `2026-11-20T18:00:00Z`; undefined for an infinite time. */
const time = (ms: number): string | undefined =>
  ms > DATE_MAX ? undefined : new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
