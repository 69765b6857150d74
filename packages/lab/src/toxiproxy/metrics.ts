/** /metrics: the counters of proxies under toxiproxy's names, and counters of the process. */
import { readdirSync } from 'node:fs'
import type { Proxies } from './proxies.ts'

export type Measures = Readonly<{ proxies: boolean; runtime: boolean }>

/** Returns the measures that were asked for, in the text format of Prometheus. */
export function metricsText({ all }: Proxies, measures: Measures): string {
  const lines: string[] = []
  for (const kind of measures.proxies ? (['received', 'sent'] as const) : []) {
    const metric = `toxiproxy_proxy_${kind}_bytes_total`
    lines.push(`# TYPE ${metric} counter`)
    for (const { name: proxy, listen: listener, upstream, traffic } of all) {
      for (const [direction, bytes] of Object.entries(traffic[kind])) {
        const labels = Object.entries({ direction, listener, proxy, upstream })
        lines.push(
          `${metric}{${labels.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join()}} ${bytes}`,
        )
      }
    }
  }
  if (measures.runtime) {
    const { user, system } = process.cpuUsage()
    lines.push(
      '# TYPE process_cpu_seconds_total counter',
      `process_cpu_seconds_total ${(user + system) / 1e6}`,
    )
    lines.push(
      '# TYPE process_open_fds gauge',
      `process_open_fds ${readdirSync('/dev/fd').length - 1}`,
    )
    lines.push('# TYPE process_resident_memory_bytes gauge')
    lines.push(`process_resident_memory_bytes ${process.memoryUsage.rss()}`)
  }
  return lines.map(line => `${line}\n`).join('')
}
