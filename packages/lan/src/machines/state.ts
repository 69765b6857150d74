/**
 * HostState: the state that the hosts' protocols share: hosts, neighbours, limits, counters, and
 * the path of a frame that they send. It imports no protocol; hosts.ts puts both together.
 */
import {
  type Alarm,
  type Clock,
  ethernet,
  ipv4,
  ipv6,
  NSEC_PER_MSEC,
  Ring,
  SKB_DROP_REASON_FULL_RING,
  SKB_DROP_REASON_HANDLER_EXCEPTION,
  type SkBuff,
  type SkBuffPool,
} from 'vnet'
import { describeException, LimitedLog, TokenBucket } from 'vnet/kit/base'
import { createPacket } from 'vnet/kit/drivers'
import type { Log, Random } from 'vnet/net'
import type { Inhabitant, Segment, Station } from '../switch/segment.ts'
import { Budget } from './budget.ts'
import type { HostHandlers, UdpHandler } from './host.ts'
import { HostTable } from './host-table.ts'
import { NeighbourTable } from './neighbour-table.ts'

/** ICMP errors (net.ipv4.icmp_msgs_per_sec, icmp_msgs_burst). */
const ERRORS = { perSecond: 1000, burst: 50 }
/** New TCP connections of one client, and of all. Further SYNs are ignored: the client retries. */
const CONNECTIONS_EACH = { perSecond: 200, burst: 1000 }
const CONNECTIONS_ALL = { perSecond: 2000, burst: 4000 }
/** The most frames in flight. */
const CAPACITY = 256
/** Nanoseconds for which a frame is in flight. */
const LATENCY = NSEC_PER_MSEC / 10
/** The number of UDP ports. */
const PORTS = 0x10000

/** The environment of the hosts; a Net has all of it. */
export interface HostsEnvironment {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** The memory of the frames that hosts send on their own, and of copies. */
  readonly pool: SkBuffPool
}

/** The environment of one Hosts. */
export interface HostsOptions {
  readonly segment: Segment
  readonly env: HostsEnvironment
  /** Milliseconds since 1970, for the daytime service. */
  readonly now: () => number
  /** The first three bytes of generated hardware addresses; default 02:4c:4e. */
  readonly oui?: Uint8Array | undefined
}

/** Frames that hosts sent or replied to, by kind. */
export type HostsCounters = ReturnType<typeof createCounters>

function createCounters() {
  return {
    arp: 0,
    neighbour: 0,
    echo: 0,
    udp: 0,
    unreachable: 0,
    reset: 0,
    /** Announcements against another station with a host's address (RFC 5227 sec. 2.4). */
    defended: 0,
    /** Errors that the rate limit held back. */
    limited: 0,
    /** Requests to the gateway, and TCP connections, that exceeded their limits. */
    refused: 0,
  }
}

/**
 * Returns whether a handler gets a datagram from the hardware address at `mac`, with data from
 * `data` to `end`. It is called for each datagram of a flood, so it allocates nothing.
 */
export type UdpLimit = (bytes: Uint8Array, mac: number, data: number, end: number) => boolean

/** The station that serves the open TCP ports of the hosts. */
export interface Services extends Station {
  /** Its hardware address, six bytes: where frames for open ports are sent. */
  readonly address: Uint8Array
}

/**
 * The shared state. A function of a protocol takes over a frame with it, and ends the frame by
 * forward(), done(), or the segment's take() or drop().
 */
export abstract class HostState implements Inhabitant {
  readonly segment: Segment
  readonly env: HostsEnvironment
  readonly now: () => number
  readonly table = new HostTable()
  readonly neighbours4 = new NeighbourTable(ipv4.IPV4_ALEN)
  readonly neighbours6 = new NeighbourTable(ipv6.IPV6_ALEN)
  readonly counters = createCounters()
  readonly handlers: Handlers
  /** The station that gets frames to open TCP ports; while undefined, every TCP port is closed. */
  services: Services | undefined = undefined
  readonly errors: TokenBucket
  /** New TCP connections, by client: one costs the services far more than a frame. */
  readonly connections: Budget
  /** The time in ns at which each host last defended its address. */
  readonly defended = new Map<number, number>()
  /** The current packet. A frame that returns while a handler runs overwrites it. */
  readonly packet = createPacket()
  /** The packet that a host sends on its own, until its frame is on the segment. */
  readonly outgoing = createPacket()
  /** The memory of all frames, for long sums. */
  readonly view: DataView
  readonly #between: BetweenHosts

  constructor({ segment, env, now }: HostsOptions) {
    this.segment = segment
    this.env = env
    this.now = now
    const { bytes } = env.pool
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.handlers = new Handlers(env.clock, env.log, index => this.table.label(index))
    this.errors = new TokenBucket(env.clock, ERRORS)
    this.connections = new Budget(env.clock, CONNECTIONS_EACH, CONNECTIONS_ALL)
    this.#between = new BetweenHosts(segment, env.clock, skb => this.receive(skb))
  }

  abstract owns(bytes: Uint8Array, at: number): boolean
  abstract receive(skb: SkBuff): void

  neighbours(isIpv6: boolean): NeighbourTable {
    return isIpv6 ? this.neighbours6 : this.neighbours4
  }

  /** Forwards a frame that a host received and turned into its reply. */
  forward(skb: SkBuff): void {
    const { bytes, data } = skb
    if (ethernet.isMulticastAddress(bytes, data) || this.table.byMac(bytes, data) < 0) {
      this.sendOut(skb)
    } else {
      this.#between.push(skb)
    }
  }

  /** Forwards such a frame to the other stations only, even if it is a broadcast. */
  sendOut(skb: SkBuff): void {
    this.segment.forward(skb, this)
  }

  /** Takes over a frame that handlers have read. */
  done(skb: SkBuff, succeeded: boolean): void {
    if (succeeded) {
      this.segment.take(skb)
    } else {
      this.segment.drop(skb, SKB_DROP_REASON_HANDLER_EXCEPTION)
    }
  }

  /** Detaches all hosts from the segment and drops the frames that wait between them. */
  close(): void {
    this.#between.close()
    this.segment.detach(this)
  }
}

/**
 * Handlers of users and of the gateway. A handler that throws loses its frame and logs a line, at
 * most one a second, because it may throw for every frame. A rejected promise is logged, too.
 */
class Handlers {
  exceptions = 0
  /** By port: the hosts that receive group and broadcast datagrams. */
  readonly udp = new Map<number, { index: number; handler: UdpHandler }[]>()
  /** By type: the indices of the hosts that receive ICMPv6 messages to a group. */
  readonly icmpv6 = new Map<number, number[]>()
  /** By host and port. */
  readonly #limits = new Map<number, UdpLimit>()
  readonly #log: LimitedLog
  readonly #nameOf: (index: number) => string

  constructor(clock: Clock, log: Log, nameOf: (index: number) => string) {
    this.#log = new LimitedLog(log, clock, { lines: 1, seconds: 1 })
    this.#nameOf = nameOf
  }

  /** Lets a host receive group and broadcast packets, too. */
  add(index: number, on: HostHandlers | undefined): void {
    for (const [port, handler] of Object.entries(on?.udp ?? {})) {
      if (typeof handler === 'function') {
        addTo(this.udp, Number(port), { index, handler })
      }
    }
    for (const type of Object.keys(on?.icmpv6 ?? {})) {
      addTo(this.icmpv6, Number(type), index)
    }
  }

  /** Limits a UDP handler of a host. Datagrams beyond the limit are counted as `refused`. */
  limit(index: number, port: number, limit: UdpLimit): void {
    this.#limits.set(index * PORTS + port, limit)
  }

  /** The limit of a UDP handler of a host, if it has one. */
  limitOf(index: number, port: number): UdpLimit | undefined {
    return this.#limits.get(index * PORTS + port)
  }

  /** Runs a handler of a host, called `what` in the log. Returns false if it throws. */
  call(index: number, what: string, fn: () => unknown): boolean {
    try {
      const result = fn()
      if (result instanceof Promise) {
        result.catch(error => this.#failed(index, what, error))
      }
      return true
    } catch (error) {
      this.#failed(index, what, error)
      return false
    }
  }

  #failed(index: number, what: string, error: unknown): void {
    this.exceptions++
    this.#log.err(
      'handlers',
      () => `host ${this.#nameOf(index)}: ${what}: ${describeException(error)}`,
    )
  }
}

function addTo<T>(lists: Map<number, T[]>, key: number, item: T): void {
  const list = lists.get(key) ?? []
  lists.set(key, list)
  list.push(item)
}

/** Frames between hosts, delayed: two hosts in an endless exchange must not stop other frames. */
class BetweenHosts {
  readonly #ring = new Ring(CAPACITY)
  readonly #segment: Segment
  readonly #clock: Clock
  readonly #alarm: Alarm

  /** `receive` takes over each frame that arrives. */
  constructor(segment: Segment, clock: Clock, receive: (skb: SkBuff) => void) {
    this.#segment = segment
    this.#clock = clock
    this.#alarm = clock.alarm(() => this.#deliver(receive))
  }

  /** Takes over a frame; drops it if too many are in flight. */
  push(skb: SkBuff): void {
    skb.hold()
    if (this.#ring.push(skb)) {
      this.#segment.stats.held++
      if (this.#ring.length === 1) {
        this.#alarm.at(this.#clock.now() + LATENCY)
      }
    } else {
      this.#segment.drop(skb, SKB_DROP_REASON_FULL_RING)
    }
  }

  /** Frees the frames in flight. */
  close(): void {
    this.#alarm.cancel()
    this.#empty(skb => this.#segment.take(skb))
  }

  /** Replies to these frames are delivered by the next alarm. */
  #deliver(receive: (skb: SkBuff) => void): void {
    this.#empty(receive)
    if (this.#ring.length > 0) {
      this.#alarm.at(this.#clock.now() + LATENCY)
    }
  }

  #empty(give: (skb: SkBuff) => void): void {
    for (let n = this.#ring.length; n > 0; n--) {
      this.#segment.stats.held--
      give(this.#ring.shift() as SkBuff)
    }
  }
}
