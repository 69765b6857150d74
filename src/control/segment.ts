/** GET_SEGMENT: what is on the segment behind the devices, as its driver tells it, an entry a message. */
import { EOPNOTSUPP, VnetError } from '../core/errno.ts'
import type { SegmentEntry, SegmentEntryKind } from '../core/segment-entry.ts'
import { type MessageBuilder, writeIndexedArray } from '../netlink/index.ts'
import {
  counterGroupNumbers,
  getSegmentRequest,
  segmentParts,
  VNET_ATTR_SEGMENT_COUNTER,
  VNET_ATTR_SEGMENT_HOST,
  VNET_ATTR_SEGMENT_LEASE,
  VNET_ATTR_SEGMENT_NEIGHBOUR,
  VNET_ATTR_SEGMENT_STATION,
  VNET_CMD_GET_SEGMENT,
  VNET_SEGMENT_ADDRESS_ATTR_ADDRESS,
  VNET_SEGMENT_COUNTER_ATTR_GROUP,
  VNET_SEGMENT_COUNTER_ATTR_NAME,
  VNET_SEGMENT_COUNTER_ATTR_VALUE,
  VNET_SEGMENT_HOST_ATTR_ADDRESSES,
  VNET_SEGMENT_HOST_ATTR_MAC,
  VNET_SEGMENT_HOST_ATTR_NAME,
  VNET_SEGMENT_HOST_ATTR_ROUTER,
  VNET_SEGMENT_LEASE_ATTR_ADDRESS,
  VNET_SEGMENT_LEASE_ATTR_CLIENT_ID,
  VNET_SEGMENT_LEASE_ATTR_EXPIRES,
  VNET_SEGMENT_LEASE_ATTR_HOSTNAME,
  VNET_SEGMENT_LEASE_ATTR_MAC,
  VNET_SEGMENT_NEIGHBOUR_ATTR_ADDRESS,
  VNET_SEGMENT_NEIGHBOUR_ATTR_MAC,
  VNET_SEGMENT_STATION_ATTR_MAC,
  VNET_SEGMENT_STATION_ATTR_NAME,
} from './family.ts'
import { type Operation, operation, type Write } from './operation.ts'
import { moduleOf, type Subject } from './subject.ts'

export function segment(subject: Subject): Operation {
  return operation({
    cmd: VNET_CMD_GET_SEGMENT,
    policy: getSegmentRequest,
    dumpit({ segmentParts: wanted, ...which }) {
      const { name, segment } = moduleOf(subject, which)
      if (segment === undefined) throw new VnetError(EOPNOTSUPP, 'vnet_nl', `${name} has no segment behind its devices`)
      const kinds = Object.entries(segmentParts).filter(([, part]) => ((wanted ?? part) & part) !== 0)
      return messages(segment(new Set(kinds.map(([kind]) => kind as SegmentEntryKind))))
    },
  })
}

function* messages(entries: Iterable<SegmentEntry>): Generator<Write, void> {
  for (const entry of entries) yield builder => write(builder, entry)
}

function write(builder: MessageBuilder, entry: SegmentEntry): void {
  switch (entry.kind) {
    case 'host':
      builder.nested(VNET_ATTR_SEGMENT_HOST, host => {
        if (entry.name !== undefined) host.string(VNET_SEGMENT_HOST_ATTR_NAME, entry.name)
        host.binary(VNET_SEGMENT_HOST_ATTR_MAC, entry.mac)
        writeIndexedArray(host, VNET_SEGMENT_HOST_ATTR_ADDRESSES, entry.addresses, (set, address) => {
          set.binary(VNET_SEGMENT_ADDRESS_ATTR_ADDRESS, address)
        })
        if (entry.router) host.flag(VNET_SEGMENT_HOST_ATTR_ROUTER)
      })
      return
    case 'lease':
      builder.nested(VNET_ATTR_SEGMENT_LEASE, lease => {
        lease.binary(VNET_SEGMENT_LEASE_ATTR_ADDRESS, entry.address).string(VNET_SEGMENT_LEASE_ATTR_MAC, entry.mac)
        if (entry.clientId !== undefined) lease.string(VNET_SEGMENT_LEASE_ATTR_CLIENT_ID, entry.clientId)
        if (entry.hostname !== undefined) lease.string(VNET_SEGMENT_LEASE_ATTR_HOSTNAME, entry.hostname)
        if (Number.isFinite(entry.expires))
          lease.u64(VNET_SEGMENT_LEASE_ATTR_EXPIRES, BigInt(Math.trunc(entry.expires)))
      })
      return
    case 'neighbour':
      builder.nested(VNET_ATTR_SEGMENT_NEIGHBOUR, neighbour => {
        neighbour.binary(VNET_SEGMENT_NEIGHBOUR_ATTR_ADDRESS, entry.address)
        neighbour.binary(VNET_SEGMENT_NEIGHBOUR_ATTR_MAC, entry.mac)
      })
      return
    case 'station':
      builder.nested(VNET_ATTR_SEGMENT_STATION, station => {
        station.string(VNET_SEGMENT_STATION_ATTR_NAME, entry.name)
        if (entry.mac !== undefined) station.binary(VNET_SEGMENT_STATION_ATTR_MAC, entry.mac)
      })
      return
    case 'counter':
      builder.nested(VNET_ATTR_SEGMENT_COUNTER, counter => {
        counter.u32(VNET_SEGMENT_COUNTER_ATTR_GROUP, counterGroupNumbers[entry.group])
        counter.string(VNET_SEGMENT_COUNTER_ATTR_NAME, entry.name)
        counter.u64(VNET_SEGMENT_COUNTER_ATTR_VALUE, BigInt(entry.value))
      })
  }
}
