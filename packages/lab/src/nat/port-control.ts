/**
 * PortControl: hosts inside a NAT ask it for ports outside, by PCP (RFC 6887) and NAT-PMP
 * (RFC 6886). A host gets ports for its own address only, and only the nonce that made a mapping of
 * PCP changes it (RFC 6887 section 13). Mappings are bounded, in all and for each host.
 */
import dgram from 'node:dgram'
import { type Clock, ipv4, NSEC_PER_SEC, parseIpv4 } from 'vnet'
import { get16, get32, put16, put32 } from 'vnet/kit/packet'
import type { Nat } from './nat.ts'

const NAT_PMP = 0
const PCP = 2
const RESPONSE = 0x80

// Result codes of PCP.
const SUCCESS = 0
const UNSUPP_VERSION = 1
const NOT_AUTHORIZED = 2
const MALFORMED_REQUEST = 3
const UNSUPP_OPCODE = 4
const UNSUPP_OPTION = 5

const MALFORMED_OPTION = 6
const NO_RESOURCES = 8
const UNSUPP_PROTOCOL = 9
const USER_EX_QUOTA = 10
const ADDRESS_MISMATCH = 12
const ANNOUNCE = 0
const MAP = 1
const HEADER = 24
const MAP_LENGTH = 36
const MAX_LENGTH = 1100
const NONCE = HEADER
const NONCE_END = HEADER + 12
/** The first code of options that a server may ignore. */
const FIRST_OPTIONAL = 128

// Result codes of NAT-PMP.
const PMP_REFUSED = 2
const PMP_NO_RESOURCES = 4
const PMP_UNSUPP_OPCODE = 5

// Seconds that a mapping lasts: RFC 6887 section 15 recommends these limits.
const LEAST_SECONDS = 120
const MOST_SECONDS = 86_400

const MAX_MAPPINGS = 1024
const MAX_OF_HOST = 64

/** A host's request: a port inside, and for how many seconds. 0 ends its mappings. */
interface Wish {
  readonly address: number
  readonly protocol: number
  readonly port: number
  readonly suggested: number
  readonly seconds: number
  /** The nonce as text; '' for NAT-PMP, which has none. */
  readonly nonce: string
}

interface Held extends Omit<Wish, 'suggested' | 'seconds'> {
  expires: number
}

export class PortControl {
  readonly #nat: Nat
  readonly #clock: Clock
  /** Serves the hosts that reach the router, when it is bound to PORT_CONTROL_PORT. */
  readonly socket = dgram.createSocket('udp4')
  readonly #held = new Map<string, Held>()
  /** When it started to know its mappings, in ns. */
  #epoch: number

  constructor(nat: Nat, clock: Clock) {
    this.#nat = nat
    this.#clock = clock
    this.#epoch = clock.now()
    this.socket.on('message', (message, { address, port }) => {
      const reply = this.handle(message, parseIpv4(address) ?? 0)
      if (reply !== undefined) {
        this.socket.send(reply, port, address)
      }
    })
    // For example an ICMP error about a reply, because the requester has closed its socket.
    this.socket.on('error', () => {})
  }

  /** Forgets the mappings, which the NAT has forgotten. */
  restart(): void {
    this.#held.clear()
    this.#epoch = this.#clock.now()
  }

  close(): void {
    this.socket.close()
  }

  handle(request: Uint8Array, address: number): Uint8Array | undefined {
    if (request.length < 2 || ((request[1] as number) & RESPONSE) !== 0) return undefined
    return request[0] === NAT_PMP ? this.#natPmp(request, address) : this.#pcp(request, address)
  }

  #natPmp(request: Uint8Array, address: number): Uint8Array {
    const opcode = request[1] as number
    const isMap = opcode === 1 || opcode === 2
    const unmappedLength = opcode === 0 ? 12 : 8
    const reply = new Uint8Array(isMap && request.length >= 12 ? 16 : unmappedLength)
    reply[1] = opcode | RESPONSE
    put32(reply, 4, this.#seconds())
    if (opcode === 0) {
      put32(reply, 8, this.#nat.address)
    } else if (!isMap || request.length < 12) {
      put16(reply, 2, PMP_UNSUPP_OPCODE)
    } else {
      const [port, seconds] = [get16(request, 4), get32(request, 8)]
      const protocol = opcode === 1 ? ipv4.IPPROTO_UDP : ipv4.IPPROTO_TCP
      const given = this.#map({
        address,
        protocol,
        port,
        suggested: get16(request, 6),
        seconds,
        nonce: '',
      })
      const failure = given.result === NOT_AUTHORIZED ? PMP_REFUSED : PMP_NO_RESOURCES
      put16(reply, 2, given.result === SUCCESS ? SUCCESS : failure)
      put16(reply, 8, port)
      put16(reply, 10, given.port)
      put32(reply, 12, given.seconds)
    }
    return reply
  }

  #pcp(request: Uint8Array, address: number): Uint8Array {
    const length = Math.min(MAX_LENGTH, Math.max(HEADER, request.length - (request.length % 4)))
    const reply = new Uint8Array(length)
    reply.set(request.subarray(0, length))
    reply[0] = PCP
    reply[1] = (request[1] as number) | RESPONSE
    const { result, seconds } = this.#answer(request, reply, address)
    reply.fill(0, 2, HEADER)
    reply[3] = result
    put32(reply, 4, seconds)
    put32(reply, 8, this.#seconds())
    // A success repeats only processed options (RFC 6887 section 7.3). None is processed here.
    return result === SUCCESS && request[1] === MAP ? reply.subarray(0, HEADER + MAP_LENGTH) : reply
  }

  /** Handles a PCP request. Writes the assigned port and lifetime into the reply. */
  #answer(
    request: Uint8Array,
    reply: Uint8Array,
    address: number,
  ): { result: number; seconds: number } {
    const failed = (result: number) => ({ result, seconds: LEAST_SECONDS })
    if (request[0] !== PCP) return failed(UNSUPP_VERSION)
    const opcode = request[1] as number
    if (request.length < HEADER || request.length > MAX_LENGTH || request.length % 4 !== 0) {
      return failed(MALFORMED_REQUEST)
    }
    if (!isMapped(request, 8, address)) return failed(ADDRESS_MISMATCH)
    if (opcode === ANNOUNCE) return { result: SUCCESS, seconds: 0 }
    if (opcode !== MAP) return failed(UNSUPP_OPCODE)
    const end = HEADER + MAP_LENGTH
    if (request.length < end) return failed(MALFORMED_REQUEST)
    for (let at = end, next: number; at < request.length; at = next) {
      next = at + 4 + ((get16(request, at + 2) + 3) & ~3)
      if (next > request.length) return failed(MALFORMED_OPTION)
      if ((request[at] as number) < FIRST_OPTIONAL) return failed(UNSUPP_OPTION)
    }
    const protocol = request[NONCE_END] as number
    if (protocol !== ipv4.IPPROTO_UDP && protocol !== ipv4.IPPROTO_TCP) {
      return failed(UNSUPP_PROTOCOL)
    }
    const nonce = Buffer.from(request.subarray(NONCE, NONCE_END)).toString('hex')
    const [port, suggested] = [get16(request, NONCE_END + 4), get16(request, NONCE_END + 6)]
    const given = this.#map({
      address,
      protocol,
      port,
      suggested,
      seconds: get32(request, 4),
      nonce,
    })
    if (given.result !== SUCCESS) return failed(given.result)
    if (given.seconds > 0) {
      put16(reply, NONCE_END + 6, given.port)
      putMapped(reply, NONCE_END + 8, this.#nat.address)
    }
    return given
  }

  #map(wish: Wish): { result: number; port: number; seconds: number } {
    const failed = (result: number) => ({ result, port: 0, seconds: 0 })
    const { address, protocol, port, nonce } = wish
    const now = this.#clock.now()
    const ofHost = [...this.#held.values()].filter(each => {
      if (each.expires <= now) {
        this.#held.delete(keyOf(each))
      }
      return each.expires > now && each.address === address
    })
    const same = ofHost.filter(
      each => each.protocol === protocol && (port === 0 || each.port === port),
    )
    if (same.some(each => each.nonce !== nonce)) return failed(NOT_AUTHORIZED)
    if (wish.seconds === 0) {
      for (const each of same) {
        this.#held.delete(keyOf(each))
        this.#nat.release(protocol, address, each.port, now)
      }
      return { result: SUCCESS, port: 0, seconds: 0 }
    }
    if (port === 0) return failed(UNSUPP_PROTOCOL)
    const [known] = same
    if (known === undefined && ofHost.length >= MAX_OF_HOST) return failed(USER_EX_QUOTA)
    if (known === undefined && this.#held.size >= MAX_MAPPINGS) return failed(NO_RESOURCES)
    const seconds = Math.min(MOST_SECONDS, Math.max(LEAST_SECONDS, wish.seconds))
    const expires = now + seconds * NSEC_PER_SEC
    const outside = this.#nat.hold(
      { protocol, address, to: port, port: wish.suggested },
      expires,
      now,
    )
    if (outside === undefined) return failed(NO_RESOURCES)
    const held = known ?? { address, protocol, port, nonce, expires }
    held.expires = expires
    this.#held.set(keyOf(held), held)
    return { result: SUCCESS, port: outside, seconds }
  }

  #seconds(): number {
    return Math.floor((this.#clock.now() - this.#epoch) / NSEC_PER_SEC)
  }
}

function keyOf({ address, protocol, port }: Pick<Held, 'address' | 'protocol' | 'port'>): string {
  return `${protocol} ${address} ${port}`
}

/** Whether an IPv4 address is at `at` as an IPv6 address (RFC 4291 section 2.5.5.2). */
function isMapped(bytes: Uint8Array, at: number, address: number): boolean {
  for (let i = 0; i < 10; i++) {
    if (bytes[at + i] !== 0) {
      return false
    }
  }
  return get16(bytes, at + 10) === 0xffff && get32(bytes, at + 12) === address
}

function putMapped(bytes: Uint8Array, at: number, address: number): void {
  bytes.fill(0, at, at + 10)
  put16(bytes, at + 10, 0xffff)
  put32(bytes, at + 12, address)
}
