/**
 * The kernel's counters: of a host's network stack, and of the neighbour tables, which all network
 * namespaces share.
 */
import { readFileSync } from 'node:fs'
import { attempt, TX_DROPPED } from 'vnet'
import { closing } from 'vnet/kit/linux'
import { getLink, RouteSocket, uapi } from 'vnet/kit/net'
import type { SocketPlace } from '../model/place.ts'
import type { HostCounters } from '../world/host-stack.ts'

/** Pairs of lines: names of a protocol, and their values. */
const TABLES = ['snmp', 'netstat']
/** A name and a value a line. */
const LIST = 'snmp6'

/**
 * Returns all counters of a host's network stack since the host was made. A counter that the kernel
 * does not have is missing.
 */
export function countersOf(place: SocketPlace): HostCounters {
  const counters: Record<string, number> = {}
  for (const table of TABLES) {
    const lines = read(place, table)
      .trimEnd()
      .split('\n')
      .map(line => line.split(/\s+/))
    for (let i = 0; i + 1 < lines.length; i += 2) {
      const [protocol = '', ...names] = lines[i] ?? []
      for (const [j, name] of names.entries()) {
        counters[`${protocol.slice(0, -1)}${name}`] = Number(lines[i + 1]?.[j + 1])
      }
    }
  }
  for (const line of read(place, LIST).trimEnd().split('\n')) {
    const [name = '', value] = line.split(/\s+/)
    if (name !== '') {
      counters[name] = Number(value)
    }
  }
  return counters
}

/**
 * Returns how many packets the kernel has dropped before they left an interface, because its cable
 * was cut or its queue was full; 0 if the interface does not exist.
 */
export function unsentBy({ native, nsfd }: SocketPlace, name: string): number {
  using sock = RouteSocket.open(native, nsfd)
  return getLink(sock, { name })?.stats64[TX_DROPPED] ?? 0
}

/** A TCP socket of a host at one time, as /proc/net/tcp shows it. */
export interface TcpSocket {
  /** A number of include/net/tcp_states.h. */
  readonly state: number
  /** Bytes that no program has read yet; of a listener, connections that none has accepted. */
  readonly unread: number
}

/** Returns all TCP sockets of a host, also those without a process that still close. */
export function tcpSocketsOf(place: SocketPlace): TcpSocket[] {
  if (hasNoTcp(place)) return []
  const lines = ['tcp', 'tcp6'].flatMap(table => read(place, table).trimEnd().split('\n').slice(1))
  return lines.map(line => {
    const [, , , state = '', queues = ''] = line.trim().split(/\s+/)
    return {
      state: Number.parseInt(state, 16),
      unread: Number.parseInt(queues.split(':')[1] ?? '', 16),
    }
  })
}

/**
 * Whether a host has no TCP socket: the kernel takes milliseconds for the tables of sockets, which
 * all hosts share, also for a host without any.
 */
function hasNoTcp(place: SocketPlace): boolean {
  const [v4, v6] = ['sockstat', 'sockstat6'].map(file => read(place, file)) as [string, string]
  // `tw` are sockets of both families that wait for the end of the peer, or for late packets.
  const has4 = !/^TCP: inuse 0 orphan \d+ tw 0 /m.test(v4)
  return !has4 && (v6 === '' || /^TCP6: inuse 0$/m.test(v6))
}

/** Reads a file of /proc/net as a thread in the namespace sees it; '' if it does not exist. */
function read({ native, nsfd }: SocketPlace, name: string): string {
  const fd = native.open(`/proc/thread-self/net/${name}`, uapi.O_RDONLY, nsfd)
  return fd < 0 ? '' : closing(native, fd, () => readFileSync(fd, 'utf8'))
}

const ADVICE =
  'sysctl -w net.ipv4.neigh.default.gc_thresh3=16384 net.ipv6.neigh.default.gc_thresh3=16384'

/**
 * Returns how often a neighbour table was full since the machine started; 0 if that is hidden, as
 * in a container. While a table is full, the kernel drops packets to hosts that it does not know
 * yet, and counts them nowhere else.
 */
export function tableFulls(directory = '/proc/net/stat'): number {
  const counts = ['arp_cache', 'ndisc_cache'].flatMap(file => {
    const text = attempt(() => readFileSync(`${directory}/${file}`, 'latin1')) ?? ''
    const [names = [], ...ofCpus] = text.split('\n').map(line => line.trim().split(/\s+/))
    const column = names.indexOf('table_fulls')
    return ofCpus.map(fields => Number.parseInt(fields[column] ?? '0', 16))
  })
  return counts.reduce((sum, count) => sum + count, 0)
}

/** Returns a line that explains losses if a table was full so many times. */
export function overflowLine(times: number): string[] {
  return times > 0
    ? [`the kernel's neighbour table was full ${times} times, and packets were lost: ${ADVICE}`]
    : []
}
