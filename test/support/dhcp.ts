/** A DHCP server in memory, and clients whose messages a test writes: what they get is parsed, and checked to be well-formed. */
import { expect } from 'vitest'
import { NSEC_PER_SEC } from '../../src/core/clock.ts'
import { LOGLEVEL_INFO, Log } from '../../src/core/log.ts'
import {
  BOOTREPLY,
  BOOTREQUEST,
  build,
  DHCPACK,
  DHCPDECLINE,
  DHCPDISCOVER,
  DHCPINFORM,
  DHCPNAK,
  DHCPOFFER,
  DHCPRELEASE,
  DHCPREQUEST,
  DHO_LEASE_TIME,
  DHO_MESSAGE_TYPE,
  DHO_REQUESTED_ADDRESS,
  DHO_SERVER_IDENTIFIER,
  type DhcpMessage,
  parse,
} from '../../src/header/dhcp.ts'
import { formatAddress } from '../../src/header/ipv4.ts'
import { addressOctets, parseIpv4 } from '../../src/header/ipv4-address.ts'
import { get32 } from '../../src/header/octets.ts'
import { dhcpConfig } from '../../src/segment/dhcp/config.ts'
import type { Lease, LeaseStore } from '../../src/segment/dhcp/lease.ts'
import type { DhcpReply } from '../../src/segment/dhcp/reply.ts'
import { DhcpServer } from '../../src/segment/dhcp/server.ts'
import type { DhcpSpec } from '../../src/segment/dhcp/spec.ts'
import { FakeClock } from '../../src/testing/fake-clock.ts'

/** 2001-09-09: when the wall's clock of a bed starts. */
const START = 1_000_000_000_000

export const ip = (text: string): number => {
  const address = parseIpv4(text)
  if (address === undefined) throw new RangeError(text)
  return address
}

export const SPEC: DhcpSpec = {
  server: '198.18.0.1',
  subnets: [{ network: '198.18.0.0/24', ranges: ['198.18.0.100-198.18.0.102'] }],
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

/** What came back: the message, where it goes, and the fields that tests look at, as text. */
export interface Answer {
  readonly type: number
  readonly message: DhcpMessage
  readonly reply: DhcpReply
  readonly address: string
  readonly seconds: number | undefined
}

export class DhcpBed<S extends LeaseStore = MemoryStore> {
  readonly clock = new FakeClock()
  readonly lines: string[] = []
  readonly store: S
  readonly taken = new Set<string>()
  /** What was answered later. */
  readonly late: DhcpReply[] = []
  server: DhcpServer
  #wall = START

  constructor(spec: Partial<DhcpSpec> = {}, store: S = new MemoryStore() as LeaseStore as S) {
    this.store = store
    this.server = this.#start({ ...SPEC, ...spec })
  }

  /** The same leases, another server, `seconds` later by the wall. */
  restart(spec: Partial<DhcpSpec> = {}, seconds = 0): void {
    void this.server.close()
    this.crash(spec, seconds)
  }

  /** As after a restart, but the server that was could not save anything at its end. */
  crash(spec: Partial<DhcpSpec> = {}, seconds = 0): void {
    this.#wall += seconds * 1000
    this.server = this.#start({ ...SPEC, ...spec })
  }

  advance(seconds: number): void {
    this.clock.advance(seconds * NSEC_PER_SEC)
    this.#wall += seconds * 1000
  }

  /** What is answered at once. */
  receive(octets: Uint8Array, mac: Uint8Array, broadcast = true): Answer | undefined {
    const replies: DhcpReply[] = []
    let isLate = false
    this.server.receive(octets, { mac, broadcast }, reply => (isLate ? this.late : replies).push(reply))
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
      inUse: address => this.taken.has(formatAddress(address)),
    })
  }
}

export function answerOf(reply: DhcpReply): Answer {
  const message = parse(reply.data)
  if (message?.op !== BOOTREPLY) throw new Error('the answer is no message of a server')
  const time = message.options.get(DHO_LEASE_TIME)
  return {
    type: (message.options.get(DHO_MESSAGE_TYPE) as Uint8Array)[0] as number,
    message,
    reply,
    address: formatAddress(message.yiaddr),
    seconds: time && get32(time, 0),
  }
}

export interface Fields extends Partial<Omit<DhcpMessage, 'options'>> {
  readonly options?: readonly (readonly [code: number, value: readonly number[] | Uint8Array | string])[]
}

const octetsOf = (value: readonly number[] | Uint8Array | string) =>
  typeof value === 'string' ? addressOctets(ip(value)) : Uint8Array.from(value)

/** A client's message. */
export function octetsOfMessage(
  type: number,
  chaddr: Uint8Array,
  { options = [], ...fields }: Fields = {},
): Uint8Array {
  const none = new Uint8Array(0)
  const zero = { hops: 0, xid: 0x1234_5678, secs: 0, flags: 0, ciaddr: 0, yiaddr: 0, siaddr: 0, giaddr: 0 }
  const all = new Map<number, Uint8Array>([[DHO_MESSAGE_TYPE, Uint8Array.of(type)]])
  for (const [code, value] of options) all.set(code, octetsOf(value))
  const message = { op: BOOTREQUEST, htype: 1, chaddr, sname: none, file: none, ...zero, ...fields, options: all }
  return build(message, 1400).data
}

/** A client with a MAC address of its own. */
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
    return this.send(DHCPDISCOVER, { options })
  }

  /** SELECTING: takes an offer. */
  select(address: string, server = '198.18.0.1', options: Fields['options'] = []): Answer | undefined {
    const chosen = [
      [DHO_REQUESTED_ADDRESS, address],
      [DHO_SERVER_IDENTIFIER, server],
    ] as const
    return this.send(DHCPREQUEST, { options: [...chosen, ...options] })
  }

  /** INIT-REBOOT: has an address from before. */
  reboot(address: string): Answer | undefined {
    return this.send(DHCPREQUEST, { options: [[DHO_REQUESTED_ADDRESS, address]] })
  }

  renew(address: string): Answer | undefined {
    return this.send(DHCPREQUEST, { ciaddr: ip(address) }, false)
  }

  rebind(address: string): Answer | undefined {
    return this.send(DHCPREQUEST, { ciaddr: ip(address) }, true)
  }

  /** Discovers and takes what it is offered; its address. */
  lease(options: Fields['options'] = []): string {
    const offer = this.discover(options)
    expect(offer?.type).toBe(DHCPOFFER)
    const ack = this.select(offer?.address as string, '198.18.0.1', options)
    expect(ack).toMatchObject({ type: DHCPACK, address: offer?.address })
    return ack?.address as string
  }

  decline(address: string): void {
    const options = [
      [DHO_REQUESTED_ADDRESS, address],
      [DHO_SERVER_IDENTIFIER, '198.18.0.1'],
    ] as const
    expect(this.send(DHCPDECLINE, { options })).toBeUndefined()
  }

  release(address: string, server = '198.18.0.1'): void {
    const options = [[DHO_SERVER_IDENTIFIER, server]] as const
    expect(this.send(DHCPRELEASE, { ciaddr: ip(address), options }, false)).toBeUndefined()
  }

  inform(address: string, options: Fields['options'] = []): Answer | undefined {
    return this.send(DHCPINFORM, { ciaddr: ip(address), options })
  }
}

export { DHCPACK, DHCPNAK, DHCPOFFER }
