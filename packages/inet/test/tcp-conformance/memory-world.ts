/** A World on the TCP of a host in memory, with a clock that stands still between steps. */
import { EADDRINUSE, ECONNREFUSED, EHOSTUNREACH, EMSGSIZE, ENETUNREACH, isErrno } from 'vnet/internal/base/errno'
import { parseAddress } from 'vnet/internal/packet/address'
import { FakeClock } from '#src/bed/fake-clock.ts'
import type { IpError, TcpConnection } from '../../src/contract.ts'
import { Tcp } from '../../src/tcp/tcp.ts'
import { FakeIp, MS } from '../tcp-pair.ts'
import type { IcmpError, Sent, TestListener, TestSocket, World } from './world.ts'

const ADDRESSES = {
  4: ['198.18.0.1', '198.18.1.2'],
  6: ['2001:db8::1', '2001:db8:0:1::2'],
} as const
const LISTEN_PORT = 5000
/** Nanoseconds in which events are delivered, and packets to own addresses. */
const SETTLE = 100
/** A round trip: what was written first is acknowledged later than a repetition is, as a rule. */
const ROUND_TRIP = MS / 2
const ERRORS: Readonly<Record<IcmpError['kind'], readonly [errno: number, isFatal: boolean]>> = {
  'port-unreachable': [ECONNREFUSED, true],
  'host-unreachable': [EHOSTUNREACH, false],
  'net-unreachable': [ENETUNREACH, false],
  'too-big': [EMSGSIZE, false],
}

export class MemoryWorld implements World {
  /** The clock is exact, but for the steps of `#settle`. */
  readonly tolerance = { early: 10 * SETTLE, late: 10 * SETTLE }
  readonly #clock = new FakeClock()
  readonly #ip: FakeIp
  readonly #tcp: Tcp
  readonly #peer: Uint8Array
  readonly #sent: Sent[] = []

  constructor(family: 4 | 6, sysctls: Readonly<Record<string, string | number>>) {
    const [host, peer] = ADDRESSES[family].map(text => parseAddress(text) as Uint8Array) as [Uint8Array, Uint8Array]
    this.#peer = peer
    this.#ip = new FakeIp(this.#clock, host, 1)
    this.#ip.onSend = (segment, from, to) => {
      if (this.#ip.isOwn(to)) {
        this.#clock.alarm(() => this.#ip.deliver(segment, from)).at(this.#clock.now())
      } else this.#sent.push({ segment: segment.slice(), at: this.#clock.now() })
      return 0
    }
    this.#tcp = new Tcp(this.#ip, {
      synRetries: Number(sysctls.tcp_syn_retries ?? 6),
      synLinearTimeouts: Number(sysctls.tcp_syn_linear_timeouts ?? 4),
      synAckRetries: Number(sysctls.tcp_synack_retries ?? 5),
      finTimeout: Number(sysctls.tcp_fin_timeout ?? 60) * 1000 * MS,
      hasLossProbes: Number(sysctls.tcp_early_retrans ?? 0) > 0,
    })
  }

  now(): number {
    return this.#clock.now()
  }

  async sleepUntil(moment: number): Promise<void> {
    this.#advance(moment)
  }

  #advance(moment: number): void {
    if (moment > this.#clock.now()) this.#clock.advance(moment - this.#clock.now())
  }

  /** Delivers what is due now: events and packets to own addresses. */
  #settle(): void {
    this.#clock.advance(SETTLE)
  }

  inject(segment: Uint8Array): void {
    this.#ip.deliver(segment, this.#peer)
  }

  injectError(error: IcmpError, about: Uint8Array): void {
    const [errno, isFatal] = ERRORS[error.kind]
    const mtu = error.kind === 'too-big' ? error.mtu : 0
    if (mtu > 0) this.#ip.mtu = mtu
    const packet: IpError['packet'] = {
      bytes: about.slice(0, 20),
      at: 0,
      length: 20,
      source: this.#ip.address,
      destination: this.#peer,
    }
    this.#ip.protocol?.error({ errno, isFatal, mtu, packet })
    this.#settle()
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

  connect(port: number, to: 'peer' | 'own'): TestSocket {
    const address = to === 'own' ? this.#ip.address : this.#peer
    const socket = new MemorySocket(this.#clock)
    socket.connection = this.#tcp.connect({ address, port }, socket)
    return socket
  }

  listen(backlog: number): TestListener {
    const accepted: MemorySocket[] = []
    let taken = 0
    const listener = this.#tcp.listen({ address: undefined, port: this.#freePort() }, backlog, connection => {
      const socket = new MemorySocket(this.#clock)
      socket.connection = connection
      connection.events = socket
      accepted.push(socket)
    })
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
        for (const socket of accepted.slice(taken)) socket.reset()
        listener.close()
      },
    }
  }

  #freePort(): number {
    for (let port = LISTEN_PORT; ; port++) {
      try {
        this.#tcp.listen({ address: undefined, port }, 1, () => {}).close()
        return port
      } catch (error) {
        if (!isErrno(error, EADDRINUSE)) throw error
      }
    }
  }

  close(): void {
    this.#tcp.close()
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
    return this.#until(() => (this.#error !== 0 ? this.#takeError() : this.#isConnected ? 0 : undefined))
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
    if (chunk === null) this.#isEnd = true
    else if (chunk !== undefined) this.#rest = new Uint8Array(chunk)
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
