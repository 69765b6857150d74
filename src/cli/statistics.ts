/** A device's statistics at its end, as numbers and as a table. */

import type { DeviceStats } from '../control/device-stats.ts'
import { queueEvents, sumOfEvents } from '../control/queue-events.ts'
import type { NetDevice } from '../core/net-device.ts'
import { type LinkStats64, linkStats64 } from '../core/stats.ts'
import { dropReasonName } from '../skb/drop-reason.ts'
import { align } from './align.ts'

/** As a client of a running vnet has them, less the index, which is nobody's any more at the end. */
export type DeviceStatistics = Omit<DeviceStats, 'ifindex'>

export function statisticsOf(dev: NetDevice, netns?: string): DeviceStatistics {
  const { tx, rx } = dev.counters.drops()
  const kernel = dev.hostStats()
  const events = queueEvents(dev)
  return {
    name: dev.name,
    netns,
    total: { ...linkStats64(dev.getStats64()), ...sumOfEvents(events) },
    queues: events.map((each, q) => ({ ...linkStats64(dev.counters.queue(q)), ...each })),
    rxQueues: dev.numRxQueues,
    held: dev.slotsUsed,
    drops: { tx: byName(tx), rx: byName(rx) },
    kernel: kernel === undefined ? undefined : linkStats64(kernel),
  }
}

function byName(drops: Float64Array): Record<string, number> {
  const named: Record<string, number> = {}
  for (const [reason, n] of drops.entries()) if (n > 0) named[dropReasonName(reason)] = n
  return named
}

/** Lines of a table: a device's sums, then its queues where there are several, then why frames were dropped, and what else there was. */
export function statisticsTable(devices: readonly DeviceStatistics[]): string {
  const rows: string[][] = [['', 'packets', 'bytes', 'errors', 'dropped']]
  const notes: string[] = []
  for (const { total, queues, rxQueues, held, drops, kernel, ...device } of devices) {
    const name = label(device, devices)
    rows.push(txRow(`${name} tx`, total))
    if (queues.length > 1) rows.push(...queues.map((stats, q) => txRow(`  tx-${q}`, stats)))
    rows.push(rxRow(`${name} rx`, total))
    if (queues.length > 1) rows.push(...queues.slice(0, rxQueues).map((stats, q) => rxRow(`  rx-${q}`, stats)))
    for (const [way, reasons] of Object.entries(drops)) {
      const list = Object.entries(reasons).map(([reason, n]) => `${reason} ${n}`)
      if (list.length > 0) notes.push(`${name} ${way} dropped: ${list.join(', ')}`)
    }
    if (kernel !== undefined && kernel.txDropped + kernel.rxDropped > 0) {
      notes.push(`${name} dropped by the kernel: tx ${kernel.txDropped}, rx ${kernel.rxDropped}`)
    }
    for (const [what, n] of [
      ['requeues', total.requeues],
      ['tx_timeouts', total.txTimeouts],
      ['gro_merged', total.groMerged],
      ['held', held],
    ] as const) {
      if (n > 0) notes.push(`${name} ${what}: ${n}`)
    }
  }
  return [...align(rows), ...notes].map(line => `${line}\n`).join('')
}

/** A name that two of them have is told apart by the namespace: `red/eth0`. */
function label(
  { name, netns }: Pick<DeviceStatistics, 'name' | 'netns'>,
  devices: readonly DeviceStatistics[],
): string {
  const isShared = devices.filter(device => device.name === name).length > 1
  return isShared && netns !== undefined ? `${netns}/${name}` : name
}

function txRow(label: string, { txPackets, txBytes, txErrors, txDropped }: LinkStats64): string[] {
  return [label, ...[txPackets, txBytes, txErrors, txDropped].map(String)]
}

function rxRow(label: string, { rxPackets, rxBytes, rxErrors, rxDropped }: LinkStats64): string[] {
  return [label, ...[rxPackets, rxBytes, rxErrors, rxDropped].map(String)]
}
