/** A World on a host in memory, with a clock that stands still between steps. */

import type { Sent, World } from '@vnet/conform'
import { EADDRINUSE, isErrno } from '#src/base/errno.ts'
import { random } from '#src/base/random.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import { parseAddress } from '#src/packet/address.ts'
import type { TcpConnection } from '../../src/contract.ts'
import { InetHost, type StackInterface } from '../../src/index.ts'
import { MS } from '../tcp-pair.ts'
import { Calls } from './calls.ts'
import { serve } from './servers.ts'
import type { Sockets, TestListener, TestSocket } from './sockets.ts'

const station = (n: number) => ({
  mac: Uint8Array.of(2, 0, 0, 0, 0, n),
  ip: parseAddress(`198.18.0.${n}`),
  ip6: parseAddress(`2001:db8::${n}`),
})
const LISTEN_PORT = 5000
/** Nanoseconds in which events are delivered, and packets to own addresses. */
const SETTLE = 100
/** A round trip: what was written first is acknowledged later than a repetition is, as a rule. */
const ROUND_TRIP = MS / 2

export class MemoryWorld implements World {
  /** The clock is exact, but for the steps of `#settle`. */
  readonly tolerance: World['tolerance']
  readonly host = station(1)
  readonly peer = station(2)
  readonly port = 40_000
  readonly sockets: Sockets = {
    connect: (port, to) => this.#connect(port, to),
    listen: backlog => this.#listen(backlog),
  }
  readonly program: Calls | undefined
  readonly #clock = new FakeClock()
  readonly #host: InetHost
  readonly #dev: StackInterface
  readonly #sent: Sent[] = []

  readonly #family: 'ip' | 'ip6'

  /** Without `hasSockets` the host serves echo, discard and chargen, and may be slow. */
  constructor(family: 4 | 6, sysctls: Readonly<Record<string, string>>, hasSockets = true) {
    this.#family = family === 4 ? 'ip' : 'ip6'
    const late = hasSockets ? 10 * SETTLE : 3000 * MS
    this.tolerance = { early: 10 * SETTLE, late, grace: 50 * MS }
    this.#host = new InetHost({
      clock: this.#clock,
      random: random(1),
      tcp: {
        synRetries: Number(sysctls.tcp_syn_retries ?? 6),
        synLinearTimeouts: Number(sysctls.tcp_syn_linear_timeouts ?? 4),
        synAckRetries: Number(sysctls.tcp_synack_retries ?? 5),
        finTimeout: Number(sysctls.tcp_fin_timeout ?? 60) * 1000 * MS,
        hasLossProbes: Number(sysctls.tcp_early_retrans ?? 0) > 0,
      },
    })
    const transmit = (frame: Uint8Array) =>
      void this.#sent.push({ frame: frame.slice(), at: this.#clock.now() })
    this.#dev = this.#host.addInterface({ name: 'eth0', mac: this.host.mac, mtu: 1500, transmit })
    this.#dev.addAddress('198.18.0.1/24')
    this.#dev.addAddress('2001:db8::1/64')
    const { mac, ip, ip6 } = this.peer
    for (const via of [ip, ip6] as Uint8Array[]) {
      this.#dev.setNeighbour(via, mac)
      // Replies to addresses of other networks are seen, too.
      this.#host.ip.addRoute({
        prefix: { bytes: new Uint8Array(via.length), prefixLen: 0 },
        via,
        dev: this.#dev,
      })
    }
    this.program = hasSockets ? new Calls(this, this.sockets) : undefined
    if (!hasSockets) {
      serve(this.#host)
    }
  }

  now(): number {
    return this.#clock.now()
  }

  async sleepUntil(moment: number): Promise<void> {
    this.#advance(moment)
  }

  #advance(moment: number): void {
    if (moment > this.#clock.now()) {
      this.#clock.advance(moment - this.#clock.now())
    }
  }

  /** Delivers what is due now: events and packets to own addresses. */
  #settle(): void {
    this.#clock.advance(SETTLE)
  }

  /** The frame is lent in the middle of other bytes, and wiped afterwards. */
  inject(frame: Uint8Array): void {
    const lent = new Uint8Array(frame.length + 8).fill(0xee)
    lent.set(frame, 4)
    this.#dev.receive(lent, 4, frame.length)
    lent.fill(0xdd)
  }

  async next(until: number): Promise<Sent | undefined> {
    while (this.#sent.length === 0) {
      const { next } = this.#clock
      if (next === undefined || next > until) {
        this.#advance(until)
        break
      }
      this.#clock.advance(Math.max(next - this.#clock.now(), 0))
    }
    return this.#sent.shift()
  }

  /** Returns the frames that the host has sent until now, after it has delivered events. */
  sentNow(): Sent[] {
    this.#settle()
    return this.#sent.splice(0)
  }

  #connect(port: number, to: 'peer' | 'own'): TestSocket {
    const address = this[to === 'own' ? 'host' : 'peer'][this.#family] as Uint8Array
    const socket = new MemorySocket(this.#clock)
    socket.connection = this.#host.tcp.connect({ address, port }, socket)
    return socket
  }

  #listen(backlog: number): TestListener {
    const accepted: MemorySocket[] = []
    let taken = 0
    const listener = this.#host.tcp.listen(
      { address: undefined, port: this.#freePort() },
      backlog,
      connection => {
        const socket = new MemorySocket(this.#clock)
        socket.connection = connection
        connection.events = socket
        accepted.push(socket)
      },
    )
    return {
      port: listener.local.port,
      accept: async () => {
        this.#settle()
        const socket = accepted[taken++]
        if (socket === undefined) throw new Error('there is no connection')
        return socket
      },
      hasConnection: () => taken < accepted.length,
      close: () => {
        for (const socket of accepted.slice(taken)) {
          socket.reset()
        }
        listener.close()
      },
    }
  }

  #freePort(): number {
    for (let port = LISTEN_PORT; ; port++) {
      try {
        this.#host.tcp.listen({ address: undefined, port }, 1, () => {}).close()
        return port
      } catch (error) {
        if (!isErrno(error, EADDRINUSE)) throw error
      }
    }
  }

  close(): void {
    this.#host.close()
  }
}

class MemorySocket implements TestSocket {
  connection: TcpConnection | undefined
  readonly #clock: FakeClock
  #isConnected = false
  #error = 0
  #isWritable = false

  constructor(clock: FakeClock) {
    this.#clock = clock
  }

  onConnect(): void {
    this.#isConnected = true
  }
  onReadable(): void {}
  onWritable(): void {
    this.#isWritable = true
  }
  onError(errno: number): void {
    this.#error = errno
  }

  get #own(): TcpConnection {
    if (this.connection === undefined) throw new Error('not connected')
    return this.connection
  }

  /** Returns the pending error, which it clears, negative; or 0. */
  #takeError(): number {
    const error = this.#error
    this.#error = 0
    return -error
  }

  /** Moves the clock until something has arrived. */
  #until<T>(fn: () => T | undefined): T {
    for (;;) {
      const result = fn()
      if (result !== undefined) return result
      const { next } = this.#clock
      if (next === undefined) throw new Error('it has not happened')
      this.#clock.advance(Math.max(next - this.#clock.now(), 0))
    }
  }

  async connected(): Promise<number> {
    return this.#until(() => {
      if (this.#error !== 0) return this.#takeError()
      return this.#isConnected ? 0 : undefined
    })
  }

  async error(): Promise<number> {
    return this.#until(() => this.#takeError() || undefined)
  }

  write(bytes: Uint8Array): number {
    this.#clock.advance(SETTLE)
    const result = this.#takeError() || this.#own.write(bytes)
    this.#clock.advance(ROUND_TRIP)
    return result
  }

  async writable(): Promise<void> {
    this.#until(() => this.#isWritable || undefined)
    this.#isWritable = false
  }

  /** Bytes that were read from the connection and not yet from the socket. */
  #rest = new Uint8Array(0)
  #isEnd = false

  async read(length: number): Promise<Uint8Array | null | number> {
    return this.#until(() => {
      this.#fetch()
      if (this.#rest.length > 0) {
        const bytes = this.#rest.slice(0, length)
        this.#rest = this.#rest.slice(length)
        return bytes
      }
      if (this.#isEnd) return null
      return this.#takeError() || undefined
    })
  }

  #fetch(): void {
    if (this.#rest.length > 0 || this.#isEnd) return
    const chunk = this.#own.read()
    if (chunk === null) {
      this.#isEnd = true
    } else if (chunk !== undefined) {
      this.#rest = new Uint8Array(chunk)
    }
  }

  isReadable(): boolean {
    this.#fetch()
    return this.#rest.length > 0 || this.#isEnd || this.#error !== 0
  }

  async shutdown(): Promise<void> {
    this.#own.shutdown()
  }
  close(): void {
    this.#own.close()
  }
  reset(): void {
    this.#own.reset()
  }
  setNoDelay(on: boolean): void {
    this.#own.setNoDelay(on)
  }
  setKeepAlive(idle: number, interval: number, probes: number): void {
    this.#own.setKeepAlive(true, idle, interval, probes)
  }
  state(): string {
    return this.#own.state
  }
}
