/** The counters of a host's network stack, as nstat(8) names them. */
import { readFileSync } from 'node:fs'
import { closing } from 'vnet/internal/linux/errno'
import { O_RDONLY } from 'vnet/internal/linux/uapi'
import type { SocketPlace } from './sockets.ts'

/**
 * Counters by their names: `TcpRetransSegs`, `UdpInDatagrams`, `IpExtInOctets`, `Ip6OutRequests`.
 */
export type HostCounters = Readonly<Record<string, number>>

/** Pairs of lines: names of a protocol, and their values. */
const TABLES = ['snmp', 'netstat']
/** A name and a value a line. */
const LIST = 'snmp6'

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
    if (name !== '') counters[name] = Number(value)
  }
  return counters
}

/** Reads a file of /proc/net as a thread in the namespace sees it; '' if it does not exist. */
function read({ native, nsfd }: SocketPlace, name: string): string {
  const fd = native.open(`/proc/thread-self/net/${name}`, O_RDONLY, nsfd)
  return fd < 0 ? '' : closing(native, fd, () => readFileSync(fd, 'utf8'))
}
