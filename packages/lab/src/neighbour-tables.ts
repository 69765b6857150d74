/**
 * The kernel's neighbour tables, which all network namespaces share. While one is full, the kernel
 * drops packets to hosts that it does not know yet, without a count in the namespace.
 */
import { readFileSync } from 'node:fs'
import { attempt } from 'vnet/internal/base/errno'

const DIRECTORY = '/proc/net/stat'
const ADVICE = 'sysctl -w net.ipv4.neigh.default.gc_thresh3=16384 net.ipv6.neigh.default.gc_thresh3=16384'

/** How often a table was full since the machine started; 0 if hidden, as in a container. */
export function tableFulls(directory = DIRECTORY): number {
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
  return times > 0 ? [`the kernel's neighbour table was full ${times} times, and packets were lost: ${ADVICE}`] : []
}
