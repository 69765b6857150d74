/**
 * A tested stack as the runner of the cases sees it: a host on an Ethernet segment. The runner is
 * its only peer, and makes each frame by hand. All times are nanoseconds.
 */
import type { Stations } from './stations.ts'

export interface World extends Stations {
  readonly tolerance: {
    /** How much too early a segment may seem to be sent, because of the timer's resolution. */
    readonly early: number
    /** How much later than its latest time a segment may be sent. */
    readonly late: number
    /** How long after a ping a reply to something before it is awaited. */
    readonly grace: number
  }
  /** The first of 16 ports of the peer that no other case uses. */
  readonly port: number
  now(): number
  /** Waits until a moment. */
  sleepUntil(moment: number): Promise<void>
  /** Makes the host receive a frame of the peer. */
  inject(frame: Uint8Array): void
  /**
   * Returns the next frame that the host sends, without its requests for the peer's hardware
   * address, or undefined if it sends none until a moment. The returned frame may have been sent
   * later than that.
   */
  next(until: number): Promise<Sent | undefined>
  /** The calls of a program on the host; undefined if there is none. */
  readonly sockets?: Sockets | undefined
  /** Ends all sockets. What they send is not returned. */
  close(): void
}

export interface Sockets {
  /** Connects to a port of the peer, or of the host itself. */
  connect(port: number, to: 'peer' | 'own'): TestSocket
  /** Listens on a port of its choice. */
  listen(backlog: number): TestListener
}

export interface Sent {
  readonly frame: Uint8Array
  readonly at: number
  /** Whether the host left its checksum to the hardware, which this frame has not passed. */
  readonly isPartial?: boolean
}

/**
 * A socket. The methods that return promises wait for a limited time, and reject after it. Errors
 * are negative errno numbers.
 */
export interface TestSocket {
  /** Returns 0 when it is connected, or the error with which it failed. */
  connected(): Promise<number>
  /** Returns the error with which the connection failed. */
  error(): Promise<number>
  write(bytes: Uint8Array): number
  /** Waits until the socket is writable again after a write that took fewer bytes than given. */
  writable(): Promise<void>
  /** Returns at most `length` bytes as soon as there are any, null at the end, or an error. */
  read(length: number): Promise<Uint8Array | null | number>
  /** Whether a read would return something now. */
  isReadable(): boolean
  shutdown(): Promise<void>
  close(): void
  /** Closes the socket with SO_LINGER of 0. */
  reset(): void
  setNoDelay(on: boolean): void
  /** Turns on probes; the two times are in nanoseconds. */
  setKeepAlive(idle: number, interval: number, probes: number): void
  /** As ss(8) writes it: `ESTAB`. */
  state(): string
}

export interface TestListener {
  readonly port: number
  /** Returns the next connection. */
  accept(): Promise<TestSocket>
  /** Whether a connection waits to be accepted. */
  hasConnection(): boolean
  close(): void
}
