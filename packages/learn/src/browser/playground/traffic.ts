/** The hosts of the playground, and their programs: ping, UDP, TCP, and a steady flow. */
import { InetHost, joinPort } from '@vnet/inet'
import {
  type Alarm,
  type Clock,
  ETH_HLEN,
  ETH_P_IP,
  ethernet,
  formatAddress,
  IFF_NOARP,
  IFF_UP,
  icmp,
  ipv4,
  type NetDevice,
  NSEC_PER_MSEC,
  NSEC_PER_SEC,
  udp,
} from 'vnet'
import type { MemoryPort } from 'vnet/bed'
import { get16, get32, put16, put32 } from 'vnet/kit/packet'
import type { Random } from 'vnet/net'
import type { PlaygroundRequest } from './messages.ts'
import { Transfers } from './transfers.ts'

/** A host with a network stack in place of the kernel above one device. */
export class Host extends InetHost {
  readonly #stop: () => void

  constructor(device: NetDevice, port: MemoryPort, clock: Clock, random: Random) {
    super({ clock, random })
    const queueOf = (frame: Uint8Array) => flowOf(frame) % device.numTxQueues
    const joined = joinPort(this.ip, port, { isNoArp: (device.flags & IFF_NOARP) !== 0, queueOf })
    const follow = () => {
      joined.follow()
      const isUp = (device.flags & IFF_UP) !== 0
      if (isUp !== joined.dev.isUp) {
        joined.dev.setUp(isUp)
      }
    }
    follow()
    this.#stop = device.net.registerNetdeviceNotifier((_, changed) => {
      if (changed === device) {
        follow()
      }
    })
  }

  override close(): void {
    this.#stop()
    super.close()
  }
}

/** Returns a number of the flow of a frame, like a kernel that chooses a queue: of its ports. */
function flowOf(frame: Uint8Array): number {
  const at = ETH_HLEN + ipv4.IPV4_HLEN
  if (
    ethernet.etherType(frame, 0) !== ETH_P_IP ||
    ipv4.protocol(frame, ETH_HLEN) === ipv4.IPPROTO_ICMP
  ) {
    return 0
  }
  return udp.sourcePort(frame, at) + udp.destinationPort(frame, at)
}

const PINGS = 5
const PING_NS = 200 * NSEC_PER_MSEC
const PING_SIZE = 56
const DATAGRAMS = 200
/** All may wait for the hardware address of b, for which a stack has 212,992 bytes. */
const DATAGRAM_SIZE = 64
/** How long a reply or a datagram may take: a stack asks for an address three times in 2 s. */
const PATIENCE_NS = 3 * NSEC_PER_SEC
const FLOW_MAX = 200
const FLOW_SIZE = 32
/** The discard service, and a port without one. */
const DISCARD = 9
const BURST = 5001

/** The kinds of traffic that a visitor can send once. */
export type Sendable = Extract<PlaygroundRequest, { readonly do: 'send' }>['what']

/** The hosts of the traffic. `tell` gets a line for the log about each result. */
export interface TrafficOptions {
  readonly clock: Clock
  readonly a: Host
  readonly b: Host
  /** The address of `b` as `a` reaches it. */
  readonly target: Uint8Array
  readonly tell: (line: string) => void
}

type Ping = Readonly<{ sent: number[]; rtts: number[]; alarm: Alarm }>

type Burst = Readonly<{ arrived: Set<number>; alarm: Alarm }>

/** The programs at the hosts of one world: pings, bursts of datagrams, transfers, and a flow. */
export class Traffic {
  readonly #options: TrafficOptions
  readonly #pings = new Map<number, Ping>()
  readonly #bursts = new Map<number, Burst>()
  readonly #transfers: Transfers
  /** Numbers pings and bursts. */
  #last = 0
  readonly #flow: Alarm
  readonly #flowSocket: { send(data: Uint8Array): void }
  #gap = 0
  #nextFlow = 0

  constructor(options: TrafficOptions) {
    this.#options = options
    const { clock, a, b, target } = options
    a.ip.onEchoReply = ({ bytes, at }) =>
      this.#replied(icmp.identifier(bytes, at), icmp.sequenceNumber(bytes, at))
    const any = { address: undefined, family: 4 } as const
    const ignore = { onMessage: () => {}, onError: () => {} }
    b.udp.bind({ ...any, port: DISCARD }, ignore)
    b.udp.bind({ ...any, port: BURST }, { ...ignore, onMessage: data => this.#arrived(data) })
    this.#transfers = new Transfers(options)
    const socket = a.udp.bind({ ...any, port: 0 }, ignore)
    this.#flowSocket = { send: data => void socket.send(data, { address: target, port: DISCARD }) }
    this.#flow = clock.alarm(() => this.#flows())
  }

  /** Starts a ping, a burst or a transfer. A line about its result follows at its end. */
  send(what: Sendable): void {
    this.#last = (this.#last + 1) & 0xffff
    if (what === 'ping') {
      this.#ping(this.#last)
    } else if (what === 'udp') {
      this.#burst(this.#last)
    } else {
      this.#transfers.start()
    }
  }

  /** Sends `perSecond` datagrams a second from now on. */
  flow(perSecond: number): void {
    const rate = Math.min(Math.max(Number(perSecond) || 0, 0), FLOW_MAX)
    this.#flow.cancel()
    this.#gap = rate === 0 ? 0 : NSEC_PER_SEC / rate
    if (rate === 0) return
    this.#nextFlow = this.#options.clock.now()
    this.#flows()
  }

  close(): void {
    for (const { alarm } of [...this.#pings.values(), ...this.#bursts.values()]) {
      alarm.cancel()
    }
    this.#transfers.close()
    this.#flow.cancel()
  }

  #flows(): void {
    this.#flowSocket.send(new Uint8Array(FLOW_SIZE))
    this.#nextFlow += this.#gap
    this.#flow.at(this.#nextFlow)
  }

  #ping(id: number): void {
    const { clock } = this.#options
    const sent: number[] = []
    const rtts: number[] = []
    const alarm = clock.alarm(() => {
      if (sent.length === PINGS) return this.#endPing(id)
      sent.push(clock.now())
      this.#request(id, sent.length)
      // The reply to the first one arrives inside the call if nothing delays it.
      if (this.#pings.has(id)) {
        alarm.at(clock.now() + (sent.length < PINGS ? PING_NS : PATIENCE_NS))
      }
    })
    this.#pings.set(id, { sent, rtts, alarm })
    alarm.at(clock.now())
  }

  #request(id: number, sequence: number): void {
    const { a, target } = this.#options
    const message = new Uint8Array(icmp.ICMP_HLEN + PING_SIZE)
    icmp.setType(message, 0, icmp.ICMP_ECHO)
    put16(message, 4, id)
    put16(message, 6, sequence)
    const from = a.ip.sourceFor(target)
    if (from !== undefined) {
      a.ip.send(ipv4.IPPROTO_ICMP, from, target, message)
    }
  }

  #replied(id: number, sequence: number): void {
    const { sent, rtts } = this.#pings.get(id) ?? {}
    if (sent === undefined || rtts === undefined || rtts[sequence] !== undefined) return
    const at = sent[sequence - 1]
    if (at === undefined) return
    rtts[sequence] = this.#options.clock.now() - at
    if (Object.keys(rtts).length === PINGS) {
      this.#endPing(id)
    }
  }

  #endPing(id: number): void {
    const { sent = [], rtts = [], alarm } = this.#pings.get(id) ?? {}
    this.#pings.delete(id)
    alarm?.cancel()
    const all = Object.values(rtts)
    const mean = all.reduce((sum, ns) => sum + ns, 0) / all.length
    const time = all.length === 0 ? '' : `, average round trip ${inMs(mean)} ms`
    this.#tell(`ping ${this.#to}: ${sent.length} sent, ${all.length} received${time}`)
  }

  #burst(id: number): void {
    const { clock, a, target } = this.#options
    const socket = a.udp.bind(
      { address: undefined, family: 4, port: 0 },
      { onMessage() {}, onError() {} },
    )
    const alarm = clock.alarm(() => this.#endBurst(id))
    this.#bursts.set(id, { arrived: new Set(), alarm })
    alarm.at(clock.now() + PATIENCE_NS)
    for (let i = 0; i < DATAGRAMS; i++) {
      const data = new Uint8Array(DATAGRAM_SIZE)
      put16(data, 0, id)
      put32(data, 2, i)
      socket.send(data, { address: target, port: BURST })
    }
    socket.close()
  }

  #arrived(data: Uint8Array): void {
    const burst = this.#bursts.get(get16(data, 0))
    burst?.arrived.add(get32(data, 2))
    if (burst?.arrived.size === DATAGRAMS) {
      this.#endBurst(get16(data, 0))
    } else {
      burst?.alarm.at(this.#options.clock.now() + PATIENCE_NS)
    }
  }

  #endBurst(id: number): void {
    const { arrived, alarm } = this.#bursts.get(id) ?? {}
    this.#bursts.delete(id)
    alarm?.cancel()
    this.#tell(`udp: ${arrived?.size ?? 0} of ${DATAGRAMS} arrived`)
  }

  get #to(): string {
    return formatAddress(this.#options.target)
  }

  #tell(line: string): void {
    this.#options.tell(line)
  }
}

/** Returns nanoseconds in milliseconds. */
const inMs = (ns: number): number => Math.round(ns / (NSEC_PER_MSEC / 100)) / 100
