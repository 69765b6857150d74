/** The counters of a kernel's network stack: /proc/net/snmp and netstat. */
import type { Netns } from './netns.ts'

/** Returns all counters as `Tcp.InCsumErrors`. Those of TCP count IPv4 and IPv6. */
export function snmp(netns: Netns): Readonly<Record<string, number>> {
  const lines = netns.exec('cat /proc/net/snmp /proc/net/netstat').trimEnd().split('\n')
  const counters: Record<string, number> = {}
  // Each protocol has a line of names and one of values.
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const [protocol, ...names] = lines[i]!.split(' ')
    const [, ...values] = lines[i + 1]!.split(' ')
    for (const [j, name] of names.entries()) {
      counters[`${protocol!.slice(0, -1)}.${name}`] = Number(values[j])
    }
  }
  return counters
}
