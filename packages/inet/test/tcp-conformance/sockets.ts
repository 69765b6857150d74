/** The sockets of a tested host. All times are nanoseconds. */

export interface Sockets {
  /** Connects to a port of the peer, or of the host itself. */
  connect(port: number, to: 'peer' | 'own'): TestSocket
  /** Listens on a port of its choice. */
  listen(backlog: number): TestListener
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
