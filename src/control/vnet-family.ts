/**
 * What a running vnet answers for `vnet_nl`. The counters of a device, ours and the kernel's, are read in one go: both count a
 * frame in the call that moves it, so they agree to the frame at every moment, also under load.
 */
import { EINVAL } from '../core/errno.ts'
import type { NetDevice } from '../core/net-device.ts'
import type { MessageBuilder } from '../netlink/index.ts'
import { writeIndexedArray } from '../netlink/index.ts'
import { dropReasonName } from '../skb/drop-reason.ts'
import { changes } from './changes.ts'
import { echo } from './echo.ts'
import {
  getDevicesRequest,
  getStatsRequest,
  VNET_ATTR_ADDRESS,
  VNET_ATTR_CARRIER,
  VNET_ATTR_DRIVER,
  VNET_ATTR_DROPS,
  VNET_ATTR_FLAGS,
  VNET_ATTR_GRO_MERGED,
  VNET_ATTR_HELD,
  VNET_ATTR_KERNEL_STATS,
  VNET_ATTR_MAX,
  VNET_ATTR_MTU,
  VNET_ATTR_NUM_RX_QUEUES,
  VNET_ATTR_NUM_TX_QUEUES,
  VNET_ATTR_QUEUE,
  VNET_ATTR_REQUEUES,
  VNET_ATTR_SCOPE,
  VNET_ATTR_STATS,
  VNET_ATTR_TX_TIMEOUTS,
  VNET_CMD_GET_DEVICES,
  VNET_CMD_GET_STATS,
  VNET_DROP_ATTR_FRAMES,
  VNET_DROP_ATTR_REASON,
  VNET_DROP_ATTR_WAY,
  VNET_DROP_RX,
  VNET_DROP_TX,
  VNET_GENL_ID,
  VNET_GENL_NAME,
  VNET_GENL_VERSION,
  VNET_MCGRP_EVENTS,
  VNET_MCGRP_EVENTS_NAME,
  VNET_SCOPE_QUEUE,
} from './family.ts'
import { ioctl } from './ioctl.ts'
import { type Family, operation, type Write } from './operation.ts'
import { parameters } from './parameters.ts'
import { type QueueEvents, queueEvents, sumOfEvents } from './queue-events.ts'
import { Refusal } from './refusal.ts'
import { segment } from './segment.ts'
import { chosen, identify, type Subject, theOne } from './subject.ts'
import { subscribe } from './subscribe.ts'

const U64_MAX = 0xffff_ffff_ffff_ffffn

export function vnetFamily(subject: Subject): Family {
  const getDevices = operation({
    cmd: VNET_CMD_GET_DEVICES,
    policy: getDevicesRequest,
    doit: request => describe(subject, theOne(subject, request), true),
    dumpit: request => chosen(subject, request).map(dev => describe(subject, dev, true)),
  })
  const getStats = operation({
    cmd: VNET_CMD_GET_STATS,
    policy: getStatsRequest,
    doit(request) {
      scopeOf(request)
      return deviceStats(subject, theOne(subject, request))
    },
    dumpit: request => allStats(subject, chosen(subject, request), scopeOf(request)),
  })
  return {
    id: VNET_GENL_ID,
    name: VNET_GENL_NAME,
    version: VNET_GENL_VERSION,
    maxattr: VNET_ATTR_MAX,
    operations: [
      echo(),
      getDevices,
      getStats,
      ...changes(subject),
      ...parameters(subject),
      ioctl(subject),
      subscribe(subject),
      segment(subject),
    ].sort((a, b) => a.cmd - b.cmd),
    groups: [{ name: VNET_MCGRP_EVENTS_NAME, id: VNET_MCGRP_EVENTS }],
  }
}

/** What is wanted beside the sums; a scope that nobody knows is refused, as the kernel refuses flags outside of a policy's mask. */
function scopeOf({ scope = 0 }: { readonly scope?: number | undefined }): number {
  if ((scope & ~VNET_SCOPE_QUEUE) === 0) return scope
  throw new Refusal(EINVAL, VNET_ATTR_SCOPE, `scope: 0x${scope.toString(16)} has flags that nobody knows`)
}

/** The sums of each device, and what else is in `scope` after them: each device as it is when its turn comes. */
function* allStats(subject: Subject, devices: readonly NetDevice[], scope: number): Generator<Write> {
  for (const dev of devices) {
    const events = queueEvents(dev)
    const rows = events.map((_, queue) => dev.counters.queue(queue).slice())
    yield deviceStats(subject, dev)
    if ((scope & VNET_SCOPE_QUEUE) === 0) continue
    for (const [queue, row] of rows.entries()) {
      yield builder => {
        identify(builder, subject, dev)
        writeRow(builder.u32(VNET_ATTR_QUEUE, queue), VNET_ATTR_STATS, row)
        writeEvents(builder, events[queue])
      }
    }
  }
}

/** Which device it is and what queues it has; with `link`, also how it is at the moment. */
function describe(subject: Subject, dev: NetDevice, link = false): Write {
  return builder => {
    identify(builder, subject, dev)
    builder.u32(VNET_ATTR_NUM_TX_QUEUES, dev.numTxQueues).u32(VNET_ATTR_NUM_RX_QUEUES, dev.numRxQueues)
    if (!link) return
    builder.u8(VNET_ATTR_CARRIER, dev.carrier ? 1 : 0).u32(VNET_ATTR_FLAGS, dev.flags >>> 0)
    builder.u32(VNET_ATTR_MTU, dev.mtu).binary(VNET_ATTR_ADDRESS, dev.devAddr)
    if (subject.module !== undefined) builder.string(VNET_ATTR_DRIVER, subject.module.name)
  }
}

function deviceStats(subject: Subject, dev: NetDevice): Write {
  // All at this moment, in one turn of the event loop.
  const [ours, kernels, drops] = [dev.getStats64(), dev.hostStats(), dev.counters.drops()]
  const [events, held] = [sumOfEvents(queueEvents(dev)), dev.slotsUsed]
  return builder => {
    describe(subject, dev)(builder)
    writeRow(builder, VNET_ATTR_STATS, ours)
    if (kernels !== undefined) writeRow(builder, VNET_ATTR_KERNEL_STATS, kernels)
    writeDrops(builder, drops)
    writeEvents(builder, events)
    builder.u64(VNET_ATTR_HELD, toU64(held))
  }
}

function writeRow(builder: MessageBuilder, type: number, row: Float64Array): void {
  builder.nested(type, nest => {
    for (const [i, n] of row.entries()) nest.u64(i + 1, toU64(n))
  })
}

function writeDrops(builder: MessageBuilder, { tx, rx }: { tx: Float64Array; rx: Float64Array }): void {
  const some = [
    ...[...tx.entries()].map(([reason, n]) => ({ way: VNET_DROP_TX, reason, n })),
    ...[...rx.entries()].map(([reason, n]) => ({ way: VNET_DROP_RX, reason, n })),
  ].filter(({ n }) => n > 0)
  writeIndexedArray(builder, VNET_ATTR_DROPS, some, (set, { way, reason, n }) => {
    set.u8(VNET_DROP_ATTR_WAY, way).string(VNET_DROP_ATTR_REASON, dropReasonName(reason))
    set.u64(VNET_DROP_ATTR_FRAMES, toU64(n))
  })
}

function writeEvents(builder: MessageBuilder, { requeues, txTimeouts, groMerged }: QueueEvents): void {
  builder.u64(VNET_ATTR_REQUEUES, toU64(requeues)).u64(VNET_ATTR_TX_TIMEOUTS, toU64(txTimeouts))
  builder.u64(VNET_ATTR_GRO_MERGED, toU64(groMerged))
}

/** A driver's ndoGetStats64 may have written anything: what is no count is 0. */
function toU64(n: number): bigint {
  if (!Number.isFinite(n) || n <= 0) return 0n
  const count = BigInt(Math.trunc(n))
  return count > U64_MAX ? U64_MAX : count
}
