/** The connections and listeners of a host by addresses and ports, and which ports are free. */
import { EADDRINUSE, EADDRNOTAVAIL, VnetError } from 'vnet'
import { get16, sameBytes } from 'vnet/kit/packet'
import type { Random } from 'vnet/net'
import type { Bound, Endpoint, TcpConnection, TcpListener } from '../contract.ts'
import type { Connection } from './connection.ts'

/** ip_local_port_range */
const FIRST_PORT = 32_768
const LAST_PORT = 60_999
const PORTS = LAST_PORT - FIRST_PORT + 1

/** All connections and listeners of one Tcp, which adds and removes them. */
export class TcpTable {
  readonly connections = new Map<string, Connection>()
  /** By port. */
  readonly #listeners = new Map<number, Listener[]>()

  addListener(listener: Listener): void {
    const others = this.#listeners.get(listener.local.port)
    if (others === undefined) {
      this.#listeners.set(listener.local.port, [listener])
    } else {
      others.push(listener)
    }
  }

  removeListener(listener: Listener): void {
    const { port } = listener.local
    const left = this.#listeners.get(port)?.filter(other => other !== listener) ?? []
    if (left.length > 0) {
      this.#listeners.set(port, left)
    } else {
      this.#listeners.delete(port)
    }
  }

  clear(): void {
    this.connections.clear()
    this.#listeners.clear()
  }

  /** Returns the listener of an address and port: of this address, or else of all addresses. */
  listenerOf(address: Uint8Array, port: number): Listener | undefined {
    const listeners = this.#listeners.get(port)
    if (listeners === undefined) return undefined
    const all = listeners.filter(each => covers(each.bound, address))
    return all.find(each => each.bound.address !== undefined) ?? all[0]
  }

  /** Whether a listener may have a port. */
  mayListen(bound: Bound, port: number): boolean {
    if (this.#listeners.get(port)?.some(each => overlap(each.bound, bound))) return false
    // Accepted connections share the port of their listener, others do not.
    for (const { isActive, local } of this.connections.values()) {
      if (isActive && local.port === port && covers(bound, local.address)) return false
    }
    return true
  }

  /** Returns a free port to connect from. As in Linux, the first half of the ports is even. */
  freePort(random: Random, from: Uint8Array, remote: Endpoint): number {
    const offset = random.below(PORTS) & ~1
    for (let i = 0; i < PORTS; i++) {
      const port = nthPort(offset, i)
      const isFree = !this.connections.has(keyOf(from, port, remote.address, remote.port))
      if (isFree && !this.#listeners.has(port)) return port
    }
    throw new VnetError(EADDRNOTAVAIL, 'connect')
  }

  /** Returns a free port to listen on. The first half of them is odd. */
  freeListenPort(random: Random, bound: Bound): number {
    const offset = random.below(PORTS) | 1
    for (let i = 0; i < PORTS; i++) {
      const port = nthPort(offset, i)
      if (this.mayListen(bound, port)) return port
    }
    throw new VnetError(EADDRINUSE, 'bind')
  }
}

function covers(bound: Bound, other: Uint8Array): boolean {
  return bound.address === undefined
    ? coversAll(bound, other.length)
    : sameBytes(bound.address, other)
}

/** Whether a listener without an address covers a version of IP, given by its address length. */
function coversAll({ family, ipv6Only }: Bound, length: number): boolean {
  return length === 4 ? family === 4 || ipv6Only !== true : family !== 4
}

/** Whether two listeners have an address in common. */
function overlap(one: Bound, other: Bound): boolean {
  if (other.address !== undefined) return covers(one, other.address)
  if (one.address !== undefined) return covers(other, one.address)
  return [4, 16].some(length => coversAll(one, length) && coversAll(other, length))
}

/** Ports with the parity of `offset` come first, then the others. */
function nthPort(offset: number, i: number): number {
  return FIRST_PORT + ((offset + 2 * i + (2 * i >= PORTS ? 1 : 0)) % PORTS)
}

/** Returns the key of a connection: ports and addresses as 16-bit units of a string. */
export function keyOf(
  local: Uint8Array,
  localPort: number,
  remote: Uint8Array,
  remotePort: number,
): string {
  if (local.length === 4) {
    const [r, l] = [get16(remote, 0), get16(local, 0)]
    return String.fromCharCode(localPort, remotePort, r, get16(remote, 2), l, get16(local, 2))
  }
  let key = String.fromCharCode(localPort, remotePort)
  for (let i = 0; i < 16; i += 2) {
    key += String.fromCharCode(get16(remote, i), get16(local, i))
  }
  return key
}

/** somaxconn of Linux. */
const MAX_BACKLOG = 4096

/** A listening port with its queue. Its `onClose` removes it from the table. */
export class Listener implements TcpListener {
  readonly local: Endpoint
  readonly bound: Bound
  readonly accept: (connection: TcpConnection) => void
  /** Connections in a handshake or after it, until they are accepted. */
  readonly waiting = new Set<Connection>()
  readonly #backlog: number
  readonly #onClose: (listener: Listener) => void

  constructor(
    local: Endpoint,
    bound: Bound,
    backlog: number,
    accept: (connection: TcpConnection) => void,
    onClose: (listener: Listener) => void,
  ) {
    this.local = local
    this.bound = bound
    this.accept = accept
    this.#backlog = Math.min(Math.max(backlog, 1), MAX_BACKLOG)
    this.#onClose = onClose
  }

  get isFull(): boolean {
    return this.waiting.size > this.#backlog
  }

  close(): void {
    this.#onClose(this)
    for (const connection of this.waiting) {
      if (connection.state === 'SYN-RECV') {
        connection.end()
      } else {
        connection.reset()
      }
    }
    this.waiting.clear()
  }
}
