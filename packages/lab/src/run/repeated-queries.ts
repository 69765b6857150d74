/**
 * Counts the DNS queries that a host sends again: UDP packets to port 53 with the id, the question
 * and the source port of an earlier one. A packet socket in the host's namespace receives them. Its
 * filter rejects all other packets in the kernel, so only DNS wakes this process.
 */

import { ipv4, udp } from 'vnet'
import { closeFd, closingOnError, startPoller } from 'vnet/kit/linux'
import { getLink, openFilteredSocket, RouteSocket, uapi } from 'vnet/kit/net'
import { and, dns, isPort, layersOf, loading, testing } from 'vnet/kit/packet'
import type { SocketPlace } from '../model/place.ts'

/** The most queries that are remembered: a resolver repeats one within some seconds. */
const QUERIES_MAX = 4096
const FRAME_MAX = 2048

// include/uapi/linux/filter.h, if_packet.h
const PACKET_TYPE = -0x1000 + 4
const PACKET_OUTGOING = 4

const IS_QUERY = and(
  testing([loading(PACKET_TYPE, 4)], PACKET_OUTGOING),
  isPort(dns.DNS_PORT, dns.DNS_PORT, 'dst', ipv4.IPPROTO_UDP),
)

/** Counts the queries that the host sends by one interface. Throws a VnetError. */
export function countRepeatedQueries({ native, nsfd }: SocketPlace, name: string) {
  using sock = RouteSocket.open(native, nsfd)
  const { ifindex = -1 } = getLink(sock, { name }) ?? {}
  const fd = openFilteredSocket(native, nsfd, ifindex, IS_QUERY, `packet socket on ${name}`)
  const frame = new Uint8Array(FRAME_MAX)
  /** The source port, the id and the question of queries, oldest first. */
  const seen = new Set<string>()
  let count = 0
  const read = (): void => {
    for (;;) {
      const length = native.recv(fd, frame, uapi.MSG_DONTWAIT)
      if (length < 0) return
      const query = nameOf(frame, length)
      if (query === undefined) continue
      if (seen.has(query)) {
        count++
      }
      seen.add(query)
      if (seen.size > QUERIES_MAX) {
        for (const oldest of [...seen].slice(0, QUERIES_MAX / 2)) {
          seen.delete(oldest)
        }
      }
    }
  }
  const poller = closingOnError(native, [fd], () => startPoller(native, fd, read))
  poller.unref()
  return {
    /** Returns the number of repeated queries since the last call. */
    take(): number {
      read()
      const taken = count
      count = 0
      return taken
    },
    [Symbol.dispose](): void {
      poller.close()
      closeFd(native, fd)
    },
  }
}

/** Returns what a repeated query has in common with the first; undefined if it is malformed. */
function nameOf(frame: Uint8Array, length: number): string | undefined {
  const { kind, at = 0, end = 0 } = layersOf(frame, 0, length).at(-1) ?? {}
  const message = frame.subarray(at + udp.UDP_HLEN, end)
  const { id, question } = (kind === 'upper' && dns.parseQuery(message)) || {}
  if (id === undefined || question === undefined) return undefined
  return `${udp.sourcePort(frame, at)} ${id} ${question.type} ${Buffer.from(question.name).toString('latin1')}`
}
