/**
 * Counts the DNS queries that a host sends again: UDP packets to port 53 with the id, the question
 * and the source port of an earlier one. A packet socket in the host's namespace receives them. Its
 * filter rejects all other packets in the kernel, so only DNS wakes this process.
 */
import { closingOnError, startPoller } from 'vnet/internal/linux/errno'
import type { Native, Poller } from 'vnet/internal/linux/native'
import { type FilterInstruction, openFilteredSocket } from 'vnet/internal/linux/packet-socket'
import { getLink, RouteSocket } from 'vnet/internal/linux/rtnetlink'
import { MSG_DONTWAIT } from 'vnet/internal/linux/uapi'
import { parseQuery } from 'vnet/internal/packet/dns'
import { ETH_P_IP, ETH_P_IPV6 } from 'vnet/internal/packet/ethernet'
import { IPPROTO_UDP } from 'vnet/internal/packet/ipv4'
import { layersOf } from 'vnet/internal/packet/layers'
import { sourcePort, UDP_HLEN } from 'vnet/internal/packet/udp'
import type { SocketPlace } from './sockets.ts'

const DNS_PORT = 53
/** The most queries that are remembered: a resolver repeats one within some seconds. */
const QUERIES_MAX = 4096
const FRAME_MAX = 2048

// include/uapi/linux/bpf_common.h, filter.h, if_packet.h
const LD_W = 0x20
const LD_H = 0x28
const LD_B = 0x30
/** X = the length of the IPv4 header at k. */
const LDX_MSH = 0xb1
const LD_H_X = 0x48
const JEQ = 0x15
const JSET = 0x45
const RET = 0x06
const PACKET_TYPE = -0x1000 + 4
const PACKET_OUTGOING = 4

/** Sent UDP packets to port 53: over IPv4, unless they are later fragments, and over IPv6. */
const QUERIES: readonly FilterInstruction[] = [
  [LD_W, 0, 0, PACKET_TYPE],
  [JEQ, 0, 15, PACKET_OUTGOING],
  [LD_H, 0, 0, 12],
  [JEQ, 0, 7, ETH_P_IP],
  [LD_B, 0, 0, 23],
  [JEQ, 0, 11, IPPROTO_UDP],
  [LD_H, 0, 0, 20],
  [JSET, 9, 0, 0x1fff],
  [LDX_MSH, 0, 0, 14],
  [LD_H_X, 0, 0, 16],
  [JEQ, 5, 6, DNS_PORT],
  [JEQ, 0, 5, ETH_P_IPV6],
  [LD_B, 0, 0, 20],
  [JEQ, 0, 3, IPPROTO_UDP],
  [LD_H, 0, 0, 56],
  [JEQ, 0, 1, DNS_PORT],
  [RET, 0, 0, FRAME_MAX],
  [RET, 0, 0, 0],
]

export class RepeatedQueries implements Disposable {
  readonly #native: Native
  readonly #fd: number
  readonly #poller: Poller
  readonly #frame = new Uint8Array(FRAME_MAX)
  /** The source port, the id and the question of queries, oldest first. */
  readonly #seen = new Set<string>()
  #count = 0

  /** Counts the queries that the host sends by one interface. Throws a VnetError. */
  constructor({ native, nsfd }: SocketPlace, name: string) {
    using sock = RouteSocket.open(native, nsfd)
    const { ifindex = -1 } = getLink(sock, { name }) ?? {}
    this.#native = native
    this.#fd = openFilteredSocket(native, nsfd, ifindex, QUERIES, `packet socket on ${name}`)
    this.#poller = closingOnError(native, [this.#fd], () => startPoller(native, this.#fd, () => this.#read()))
    this.#poller.unref()
  }

  /** Returns the number of repeated queries since the last call. */
  take(): number {
    this.#read()
    const count = this.#count
    this.#count = 0
    return count
  }

  [Symbol.dispose](): void {
    this.#poller.close()
    this.#native.close(this.#fd)
  }

  #read(): void {
    for (;;) {
      const length = this.#native.recv(this.#fd, this.#frame, MSG_DONTWAIT)
      if (length < 0) return
      const query = nameOf(this.#frame, length)
      if (query === undefined) continue
      if (this.#seen.has(query)) this.#count++
      this.#seen.add(query)
      if (this.#seen.size > QUERIES_MAX)
        for (const oldest of [...this.#seen].slice(0, QUERIES_MAX / 2)) this.#seen.delete(oldest)
    }
  }
}

/** Returns what a repeated query has in common with the first; undefined if it is malformed. */
function nameOf(frame: Uint8Array, length: number): string | undefined {
  const { kind, at = 0, end = 0 } = layersOf(frame, 0, length).at(-1) ?? {}
  const message = frame.subarray(at + UDP_HLEN, end)
  const { id, question } = (kind === 'upper' && parseQuery(message)) || {}
  if (id === undefined || question === undefined) return undefined
  return `${sourcePort(frame, at)} ${id} ${question.type} ${Buffer.from(question.name).toString('latin1')}`
}
