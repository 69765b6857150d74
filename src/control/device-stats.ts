/** Devices and their statistics, as a client makes them of a vnet's answers. */
import { type LinkStats64, linkStats64Fields } from '../core/stats.ts'
import type { Decoded } from '../netlink/index.ts'
import { type answerPolicy, VNET_DROP_TX } from './family.ts'
import type { QueueEvents } from './queue-events.ts'
import { formatMac } from './segment-info.ts'

/** A device of a running vnet. */
export interface Device {
  readonly ifindex: number
  readonly name: string
  /** Where it was made, if not in the namespace of its program. */
  readonly netns: string | undefined
}

/** What a vnet tells of a device. An older vnet does not tell all of it. */
export interface DeviceInfo extends Device {
  readonly txQueues: number
  readonly rxQueues: number
  /** Name of its driver. */
  readonly driver: string | undefined
  /** As the driver last said. */
  readonly carrier: boolean | undefined
  /** IFF_* */
  readonly flags: number | undefined
  readonly mtu: number | undefined
  /** Hardware address, `02:00:00:00:00:01`. */
  readonly mac: string | undefined
}

/** Its statistics at one moment. */
export interface DeviceStats extends Device {
  readonly total: LinkStats64 & QueueEvents
  /** Row q: transmit queue q and, for q < rxQueues, receive queue q. */
  readonly queues: readonly (LinkStats64 & QueueEvents)[]
  readonly rxQueues: number
  /** Frames that its driver and rings hold. */
  readonly held: number
  /** Drops by reason, of frames the host sent and of frames for it. */
  readonly drops: { readonly tx: Readonly<Record<string, number>>; readonly rx: Readonly<Record<string, number>> }
  /** What the kernel counted since the device was opened; undefined when the interface is just going. */
  readonly kernel: LinkStats64 | undefined
}

/** One message of an answer. */
export type Answer = Decoded<typeof answerPolicy.fields>

export function device({ ifindex, ifname, netns }: Answer): Device {
  return { ifindex, name: ifname, netns }
}

export function deviceInfo(answer: Answer): DeviceInfo {
  const { numTxQueues = 0, numRxQueues = 0, carrier, flags, mtu, address, driver } = answer
  return {
    ...device(answer),
    txQueues: numTxQueues,
    rxQueues: numRxQueues,
    driver,
    carrier: carrier === undefined ? undefined : carrier !== 0,
    flags,
    mtu,
    mac: address && formatMac(address),
  }
}

/** Of the message with the sums, and those of the queues after it. */
export function deviceStats(sum: Answer, queues: readonly Answer[]): DeviceStats {
  const drops = { tx: {} as Record<string, number>, rx: {} as Record<string, number> }
  for (const { way, reason, frames } of sum.drops ?? []) {
    drops[way === VNET_DROP_TX ? 'tx' : 'rx'][reason] = Number(frames)
  }
  return {
    ...device(sum),
    total: { ...linkStats(sum.stats), ...events(sum) },
    queues: queues.map(queue => ({ ...linkStats(queue.stats), ...events(queue) })),
    rxQueues: sum.numRxQueues ?? 0,
    held: Number(sum.held ?? 0),
    drops,
    kernel: sum.kernelStats && linkStats(sum.kernelStats),
  }
}

/** An older vnet does not tell them. */
function events({ requeues = 0n, txTimeouts = 0n, groMerged = 0n }: Answer): QueueEvents {
  return { requeues: Number(requeues), txTimeouts: Number(txTimeouts), groMerged: Number(groMerged) }
}

function linkStats(stats: Answer['stats'] = {}): LinkStats64 {
  return Object.fromEntries(linkStats64Fields.map(field => [field, Number(stats[field] ?? 0)])) as LinkStats64
}
