/**
 * A DHCP server in memory, and clients that send the messages of a test. Replies are parsed and
 * checked.
 */
import { expect } from 'vitest'
import { NSEC_PER_SEC } from '#src/base/clock.ts'
import { LOGLEVEL_INFO, Log } from '#src/base/log.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import { formatIpv4, ipv4Bytes, parseIpv4 } from '#src/packet/address.ts'
import * as dhcp from '#src/packet/dhcp.ts'
import { get32 } from '#src/packet/octets.ts'
import type { DhcpSpec } from '../../packages/lan/src/services/dhcp/config.ts'
import { dhcpConfig } from '../../packages/lan/src/services/dhcp/config.ts'
import type { Lease, LeaseStore } from '../../packages/lan/src/services/dhcp/lease.ts'
import type { Neighbours } from '../../packages/lan/src/services/dhcp/offer.ts'
import type { DhcpReply } from '../../packages/lan/src/services/dhcp/reply.ts'
import { DhcpServer } from '../../packages/lan/src/services/dhcp/server.ts'

/** The wall-clock time at which a bed starts: 2001-09-09. */
const START = 1_000_000_000_000

export const ip = (text: string): number => {
  const address = parseIpv4(text)
  if (address === undefined) throw new RangeError(text)
  return address
}

export const SPEC: DhcpSpec = {
  server: '198.18.0.1',
  network: '198.18.0.0/24',
  ranges: ['198.18.0.100-198.18.0.102'],
}

export class MemoryStore implements LeaseStore {
  kept: readonly Lease[] = []
  fails = false

  load(): readonly Lease[] {
    return this.kept
  }

  save(leases: Iterable<Lease>): undefined {
    if (this.fails) throw new Error('the disk is full')
    this.kept = [...leases]
  }
}

/** A reply of the server, and the fields that tests look at. */
export interface Answer {
  readonly type: number
  readonly message: dhcp.DhcpMessage
  readonly reply: DhcpReply
  readonly address: string
  readonly seconds: number | undefined
}

export class DhcpBed<S extends LeaseStore = MemoryStore> {
  readonly clock = new FakeClock()
  readonly lines: string[] = []
  readonly store: S
  readonly taken = new Set<string>()
  /** Replies that were not sent immediately. */
  readonly late: DhcpReply[] = []
  server: DhcpServer
  readonly #neighbours: Neighbours | undefined
  #wall = START

  constructor(
    spec: Partial<DhcpSpec> = {},
    store: S = new MemoryStore() as LeaseStore as S,
    neighbours: Neighbours | undefined = undefined,
  ) {
    this.store = store
    this.#neighbours = neighbours
    this.server = this.#start({ ...SPEC, ...spec })
  }

  /** Starts another server with the same leases, `seconds` later by the wall clock. */
  restart(spec: Partial<DhcpSpec> = {}, seconds = 0): void {
    void this.server.close()
    this.crash(spec, seconds)
  }

  /** Restarts without letting the old server save unsaved leases. */
  crash(spec: Partial<DhcpSpec> = {}, seconds = 0): void {
    this.#wall += seconds * 1000
    this.server = this.#start({ ...SPEC, ...spec })
  }

  advance(seconds: number): void {
    this.clock.advance(seconds * NSEC_PER_SEC)
    this.#wall += seconds * 1000
  }

  /** Returns the immediate reply. */
  receive(octets: Uint8Array, mac: Uint8Array, broadcast = true): Answer | undefined {
    const replies: DhcpReply[] = []
    let isLate = false
    this.server.receive(octets, { mac, broadcast }, reply =>
      (isLate ? this.late : replies).push(reply),
    )
    isLate = true
    expect(replies.length).toBeLessThanOrEqual(1)
    return replies[0] && answerOf(replies[0])
  }

  #start(spec: DhcpSpec): DhcpServer {
    return new DhcpServer({
      config: dhcpConfig(spec),
      clock: this.clock,
      wall: () => this.#wall,
      store: this.store,
      log: new Log(LOGLEVEL_INFO, (_, text) => this.lines.push(text)),
      name: 'eth9',
      inUse: address => this.taken.has(formatIpv4(address)),
      ...(this.#neighbours && { neighbours: this.#neighbours }),
    })
  }
}

export function answerOf(reply: DhcpReply): Answer {
  const message = dhcp.parse(reply.data)
  if (message?.op !== dhcp.BOOTREPLY) throw new Error('not a message of a server')
  const time = message.options.get(dhcp.DHO_LEASE_TIME)
  return {
    type: (message.options.get(dhcp.DHO_MESSAGE_TYPE) as Uint8Array)[0] as number,
    message,
    reply,
    address: formatIpv4(message.yiaddr),
    seconds: time && get32(time, 0),
  }
}

export interface Fields extends Partial<Omit<dhcp.DhcpMessage, 'options'>> {
  readonly options?: readonly (readonly [
    code: number,
    value: readonly number[] | Uint8Array | string,
  ])[]
}

const octetsOf = (value: readonly number[] | Uint8Array | string) =>
  typeof value === 'string' ? ipv4Bytes(ip(value)) : Uint8Array.from(value)

/** Builds a client's message. */
export function octetsOfMessage(
  type: number,
  chaddr: Uint8Array,
  { options = [], ...fields }: Fields = {},
): Uint8Array {
  const none = new Uint8Array(0)
  const zero = {
    hops: 0,
    xid: 0x1234_5678,
    secs: 0,
    flags: 0,
    ciaddr: 0,
    yiaddr: 0,
    siaddr: 0,
    giaddr: 0,
  }
  const all = new Map<number, Uint8Array>([[dhcp.DHO_MESSAGE_TYPE, Uint8Array.of(type)]])
  for (const [code, value] of options) {
    all.set(code, octetsOf(value))
  }
  const message = {
    op: dhcp.BOOTREQUEST,
    htype: 1,
    chaddr,
    sname: none,
    file: none,
    ...zero,
    ...fields,
    options: all,
  }
  return dhcp.build(message, 1400).data
}

/** A client with its own MAC address. */
export class DhcpClient {
  readonly mac: Uint8Array
  readonly #bed: DhcpBed<LeaseStore>
  readonly #always: Fields

  constructor(bed: DhcpBed<LeaseStore>, n: number, always: Fields = {}) {
    this.#bed = bed
    this.mac = Uint8Array.of(2, 0, 0, 0, n >> 8, n)
    this.#always = always
  }

  send(type: number, fields: Fields = {}, broadcast = true): Answer | undefined {
    const options = [...(this.#always.options ?? []), ...(fields.options ?? [])]
    const octets = octetsOfMessage(type, this.mac, { ...this.#always, ...fields, options })
    return this.#bed.receive(octets, this.mac, broadcast)
  }

  discover(options: Fields['options'] = []): Answer | undefined {
    return this.send(dhcp.DHCPDISCOVER, { options })
  }

  /** SELECTING: accepts an offer. */
  select(
    address: string,
    server = '198.18.0.1',
    options: Fields['options'] = [],
  ): Answer | undefined {
    const chosen = [
      [dhcp.DHO_REQUESTED_ADDRESS, address],
      [dhcp.DHO_SERVER_IDENTIFIER, server],
    ] as const
    return this.send(dhcp.DHCPREQUEST, { options: [...chosen, ...options] })
  }

  /** INIT-REBOOT: requests its former address. */
  reboot(address: string): Answer | undefined {
    return this.send(dhcp.DHCPREQUEST, { options: [[dhcp.DHO_REQUESTED_ADDRESS, address]] })
  }

  renew(address: string): Answer | undefined {
    return this.send(dhcp.DHCPREQUEST, { ciaddr: ip(address) }, false)
  }

  rebind(address: string): Answer | undefined {
    return this.send(dhcp.DHCPREQUEST, { ciaddr: ip(address) }, true)
  }

  /** Gets a lease; returns its address. */
  lease(options: Fields['options'] = []): string {
    const offer = this.discover(options)
    expect(offer?.type).toBe(dhcp.DHCPOFFER)
    const ack = this.select(offer?.address as string, '198.18.0.1', options)
    expect(ack).toMatchObject({ type: dhcp.DHCPACK, address: offer?.address })
    return ack?.address as string
  }

  decline(address: string): void {
    const options = [
      [dhcp.DHO_REQUESTED_ADDRESS, address],
      [dhcp.DHO_SERVER_IDENTIFIER, '198.18.0.1'],
    ] as const
    expect(this.send(dhcp.DHCPDECLINE, { options })).toBeUndefined()
  }

  release(address: string, server = '198.18.0.1'): void {
    const options = [[dhcp.DHO_SERVER_IDENTIFIER, server]] as const
    expect(this.send(dhcp.DHCPRELEASE, { ciaddr: ip(address), options }, false)).toBeUndefined()
  }

  inform(address: string, options: Fields['options'] = []): Answer | undefined {
    return this.send(dhcp.DHCPINFORM, { ciaddr: ip(address), options })
  }
}

export { DHCPACK, DHCPNAK, DHCPOFFER } from '#src/packet/dhcp.ts'
