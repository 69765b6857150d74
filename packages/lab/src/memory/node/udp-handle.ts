/**
 * UdpHandle: the handle of a dgram.Socket over a UdpSocket, in place of libuv's. It has the methods
 * that Node calls, which return 0 or a negative errno.
 *
 * Each datagram reaches Node in an immediate of its own, so that microtasks and ticks run between
 * two datagrams. After a crash of the host, calls have no effect and never end. Memberships of one
 * source only (RFC 4607) fail with ENODEV.
 */
import { AsyncResource } from 'node:async_hooks'
import type dgram from 'node:dgram'
import { isIP } from 'node:net'
import type { Endpoint, InterfaceChoice, Udp, UdpBinding, UdpEvents, UdpSocket } from '@vnet/inet'
import { EBADF, EINVAL, ENODEV } from 'vnet'
import { type DgramHandle, dgramState, symbolOf } from '../../world/dgram-state.ts'
import type { Boot } from '../time/boot.ts'
import {
  addressBytes,
  bindBytes,
  type NodeAddress,
  showEndpoint,
  statusOf,
  zoneOf,
} from './node-address.ts'

// include/uv.h
const UV_UDP_IPV6ONLY = 1
const UV_UDP_REUSEADDR = 4

/** net.core.rmem_default, rmem_max, wmem_default and wmem_max */
const BUFFER_DEFAULT = 212_992

// SOCK_MIN_RCVBUF and SOCK_MIN_SNDBUF
const MIN_RECEIVE = 2304
const MIN_SEND = 4608

type UdpHandleOptions = Readonly<{ family: 4 | 6; lookup: DgramHandle['lookup']; boot: Boot }>

export class UdpHandle implements DgramHandle, UdpEvents {
  readonly fd = -1
  readonly addSourceSpecificMembership = () => -ENODEV
  readonly dropSourceSpecificMembership = () => -ENODEV
  readonly getSendQueueSize = () => 0
  readonly getSendQueueCount = () => 0
  readonly lookup: DgramHandle['lookup']
  /** Set by Node. */
  onmessage: DgramHandle['onmessage'] = () => {}
  onerror: DgramHandle['onerror'] = () => {}
  readonly #udp: Udp
  readonly #options: UdpHandleOptions
  readonly #resource = new AsyncResource('UDPWRAP')
  readonly #sizes = { receive: BUFFER_DEFAULT, send: BUFFER_DEFAULT }
  #socket: UdpSocket | undefined
  #isReceiving = false
  #hasRef = true

  constructor(udp: Udp, options: UdpHandleOptions) {
    this.#udp = udp
    this.#options = options
    this.lookup = options.lookup
  }

  onMessage(data: Uint8Array, { address, port }: Endpoint): void {
    const from: NodeAddress = {}
    showEndpoint(from, this.#options.family, address, port)
    this.#deliver(data.length, Buffer.from(data.buffer, data.byteOffset, data.length), from)
  }

  /** An error of a connected socket, as recvmsg(2) returns it. */
  onError(errno: number): void {
    this.#deliver(-errno)
  }

  #deliver(...args: [length: number, data?: Buffer, from?: NodeAddress]): void {
    const [length, ...rest] = args
    const deliver = () => {
      if (this.#isReceiving) {
        this.onmessage(length, this, ...rest)
      }
    }
    this.#options.boot.soon(this.#resource, deliver)
  }

  bind(text: string, port: number, flags: number): number {
    const { family } = this.#options
    if (isIP(text) !== family) return -EINVAL
    const binding: UdpBinding = {
      address: bindBytes(text),
      family,
      port,
      reuseAddr: (flags & UV_UDP_REUSEADDR) !== 0,
      ipv6Only: (flags & UV_UDP_IPV6ONLY) !== 0,
    }
    const socket = statusOf(() => this.#udp.bind(binding, this))
    if (typeof socket === 'number') return socket
    this.#socket = socket
    return 0
  }

  recvStart(): number {
    this.#isReceiving = true
    return 0
  }

  recvStop(): number {
    this.#isReceiving = false
    return 0
  }

  /**
   * Sends a datagram. Returns the number of its bytes plus 1, by which Node knows that it was sent
   * in this call. Returns 0 after a crash of the host, which means that it is not sent yet, or a
   * negative errno. `port` and `address` are missing for a connected socket.
   */
  send(
    _request: object,
    list: readonly ArrayBufferView[],
    _length: number,
    port: unknown,
    address?: string,
  ): number {
    if (this.#options.boot.isDead) return 0
    const to =
      typeof port === 'number' && address !== undefined ? this.#endpoint(address, port) : undefined
    if (to === null) return -EINVAL
    const data = Buffer.concat(
      list.map(each => new Uint8Array(each.buffer, each.byteOffset, each.byteLength)),
    )
    const status = this.#socket?.send(data, to) ?? -EBADF
    return status < 0 ? status : data.length + 1
  }

  connect(address: string, port: number): number {
    const to = this.#endpoint(address, port)
    return to === null ? -EINVAL : (this.#socket?.connect(to) ?? -EBADF)
  }

  disconnect(): number {
    return this.#socket?.connect(undefined) ?? -EBADF
  }

  /** Returns null for a text that is not an address of the family. */
  #endpoint(text: string, port: number): Endpoint | null {
    const address = isIP(text) === this.#options.family ? addressBytes(text) : undefined
    return address === undefined ? null : { address, port, zone: zoneOf(text) }
  }

  getsockname(out: NodeAddress): number {
    return this.#show(out, this.#socket?.local)
  }

  getpeername(out: NodeAddress): number {
    return this.#show(out, this.#socket?.remote)
  }

  #show(out: NodeAddress, endpoint: Endpoint | undefined): number {
    if (endpoint === undefined) return -EBADF
    showEndpoint(out, this.#options.family, endpoint.address, endpoint.port)
    return 0
  }

  setTTL(ttl: number): number {
    return ttl >= 1 && ttl <= 255 ? this.#setOption({ ttl }) : -EINVAL
  }

  setMulticastTTL(ttl: number): number {
    return ttl >= 0 && ttl <= 255 ? this.#setOption({ multicastTtl: ttl }) : -EINVAL
  }

  setBroadcast(flag: number | boolean): number {
    return this.#setOption({ canBroadcast: Boolean(flag) })
  }

  setMulticastLoopback(flag: number | boolean): number {
    return this.#setOption({ multicastLoop: Boolean(flag) })
  }

  setMulticastInterface(text: string): number {
    const choice = choiceOf(text)
    if (choice === null) return -EINVAL
    return this.#socket?.setMulticastInterface(choice) ?? -EBADF
  }

  addMembership(group: string, dev?: string): number {
    return this.#setMembership('joinGroup', group, dev)
  }

  dropMembership(group: string, dev?: string): number {
    return this.#setMembership('leaveGroup', group, dev)
  }

  #setMembership(
    change: 'joinGroup' | 'leaveGroup',
    group: string,
    dev: string | undefined,
  ): number {
    const [bytes, choice] = [addressBytes(group), choiceOf(dev)]
    if (bytes === undefined || choice === null) return -EINVAL
    return this.#socket?.[change](bytes, choice) ?? -EBADF
  }

  #setOption(option: Partial<UdpSocket>): number {
    if (this.#socket === undefined) return -EBADF
    Object.assign(this.#socket, option)
    return 0
  }

  /** Returns the size of a buffer, after it has set one that is not 0. The kernel doubles it. */
  bufferSize(size: number, isReceive: boolean): number {
    const [name, min] = isReceive
      ? (['receive', MIN_RECEIVE] as const)
      : (['send', MIN_SEND] as const)
    if (size > 0) {
      this.#sizes[name] = Math.max(2 * Math.min(size, BUFFER_DEFAULT), min)
    }
    return this.#sizes[name]
  }

  ref(): void {
    this.#hasRef = true
  }

  unref(): void {
    this.#hasRef = false
  }

  hasRef(): boolean {
    return this.#hasRef
  }

  close(done?: () => void): void {
    this.#isReceiving = false
    this.#socket?.close()
    this.#socket = undefined
    if (done !== undefined) {
      this.#options.boot.soon(this.#resource, done)
    }
  }
}

/** Returns the interface of `198.18.0.1` or `::%eth0`; undefined for any, null if invalid. */
function choiceOf(text: string | undefined): InterfaceChoice | undefined | null {
  if (text === undefined) return undefined
  const [address = '', zone] = text.split('%')
  if (addressBytes(address) === undefined) return null
  return zone ?? bindBytes(address)
}

const BIND_STATE_UNBOUND = 0

const familyOf = (socket: dgram.Socket) => ((socket as { type?: string }).type === 'udp6' ? 6 : 4)

/** Replaces the handle of a socket that is neither bound nor closed. */
export function takeOver(udp: Udp, socket: dgram.Socket, boot: Boot): void {
  const state = dgramState(socket)
  if (!state.handle || state.bindState !== BIND_STATE_UNBOUND) return
  const old = state.handle
  const handle = new UdpHandle(udp, { family: familyOf(socket), lookup: old.lookup, boot })
  // Node finds the socket of a handle by it.
  const owner = symbolOf(old, 'owner_symbol')
  Object.assign(handle, { [owner]: socket })
  if (!old.hasRef()) {
    handle.unref()
  }
  old.close()
  state.handle = handle
}
