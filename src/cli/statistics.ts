/** A device's statistics at its end, as numbers and as a table. */

import type { NetDevice } from '../core/net-device.ts'
import { type LinkStats64, linkStats64 } from '../core/stats.ts'
import { dropReasonName } from '../skb/drop-reason.ts'
import { align } from './align.ts'

export interface DeviceStatistics {
  readonly name: string
  readonly total: LinkStats64
  /** One a transmit queue; those beyond the receive queues have no receive counters. */
  readonly queues: readonly LinkStats64[]
  readonly rxQueues: number
  /** Drops by reason, of frames the host sent and of frames for it. */
  readonly drops: { readonly tx: Readonly<Record<string, number>>; readonly rx: Readonly<Record<string, number>> }
  /** What the kernel counted meanwhile; undefined when the interface is gone. */
  readonly kernel: LinkStats64 | undefined
}

export function statisticsOf(dev: NetDevice): DeviceStatistics {
  const { tx, rx } = dev.counters.drops()
  const kernel = dev.port?.hostStats()
  return {
    name: dev.name,
    total: linkStats64(dev.getStats64()),
    queues: dev.tx.map(txq => linkStats64(dev.counters.queue(txq.index))),
    rxQueues: dev.numRxQueues,
    drops: { tx: byName(tx), rx: byName(rx) },
    kernel: kernel === undefined ? undefined : linkStats64(kernel),
  }
}

function byName(drops: Float64Array): Record<string, number> {
  const named: Record<string, number> = {}
  for (const [reason, n] of drops.entries()) if (n > 0) named[dropReasonName(reason)] = n
  return named
}

/** Lines of a table: a device's sums, then its queues where there are several, then why frames were dropped. */
export function statisticsTable(devices: readonly DeviceStatistics[]): string {
  const rows: string[][] = [['', 'packets', 'bytes', 'errors', 'dropped']]
  const notes: string[] = []
  for (const { name, total, queues, rxQueues, drops, kernel } of devices) {
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
  }
  return [...align(rows), ...notes].map(line => `${line}\n`).join('')
}

function txRow(label: string, { txPackets, txBytes, txErrors, txDropped }: LinkStats64): string[] {
  return [label, ...[txPackets, txBytes, txErrors, txDropped].map(String)]
}

function rxRow(label: string, { rxPackets, rxBytes, rxErrors, rxDropped }: LinkStats64): string[] {
  return [label, ...[rxPackets, rxBytes, rxErrors, rxDropped].map(String)]
}
