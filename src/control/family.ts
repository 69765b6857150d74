/**
 * The family `vnet_nl` as both sides know it: its name, commands, attributes, and what may be in a request and an answer.
 * It is spoken in generic netlink's framing over the Unix socket of a running vnet.
 *
 * docs/vnet_nl.yaml specifies it, and what it says is in family.generated.ts. It cannot say which attributes must be there; that
 * is said here.
 */
import {
  binary,
  type Field,
  type Fields,
  indexedArray,
  nested,
  type Policy,
  policy,
  required,
} from '../netlink/index.ts'
import * as made from './family.generated.ts'

export * from './family.generated.ts'

/** Bit 1 << VNET_EVENT_* of each. */
export const VNET_EVENTS_ALL = Object.values(made.eventNumbers).reduce((mask, event) => mask | (1 << event), 0)

export const echoRequest = policy(
  // Octet for octet what the client sent, with its NUL or without.
  { text: required(binary(made.VNET_ECHO_ATTR_TEXT)) },
  { strict: true },
)
export const setCarrierRequest = requiring(made.setCarrierRequest, 'carrier')
export const setParamRequest = requiring(made.setParamRequest, 'paramName', 'paramValue')
export const triggerRequest = requiring(made.triggerRequest, 'fault')
const { ioctlIfreq: ifreq, ...otherIoctlRequest } = made.ioctlRequest.fields
export const ioctlRequest = requiring(policy({ ...otherIoctlRequest, ifreq }, { strict: true }), 'ioctlCmd', 'ifreq')

const dropPolicy = requiring(made.dropPolicy, 'way', 'reason', 'frames')

/** What an answer about a device holds; a newer vnet may add to it. */
export const answerPolicy = requiring(
  policy({
    ...made.getDevicesReply.fields,
    ...made.getStatsReply.fields,
    drops: indexedArray(made.VNET_ATTR_DROPS, dropPolicy),
  }),
  'ifindex',
  'ifname',
)
export const echoAnswer = requiring(made.echoReply, 'text')
export const paramAnswer = requiring(made.getParamReply, 'driver', 'paramName', 'paramValue', 'paramType')
const { ioctlIfreq: _, ...otherIoctlReply } = made.ioctlReply.fields
export const ioctlAnswer = requiring(policy({ ...otherIoctlReply, ifreq }), 'ioctlResult', 'ifreq')
/** Which part of a segment the entries of each kind are. */
export const segmentParts = {
  host: made.VNET_SEGMENT_HOSTS,
  lease: made.VNET_SEGMENT_LEASES,
  neighbour: made.VNET_SEGMENT_NEIGHBOURS,
  station: made.VNET_SEGMENT_STATIONS,
  counter: made.VNET_SEGMENT_COUNTERS,
} as const

const segmentHostPolicy = requiring(
  policy({
    ...made.segmentHostPolicy.fields,
    addresses: indexedArray(made.VNET_SEGMENT_HOST_ATTR_ADDRESSES, requiring(made.segmentAddressPolicy, 'address')),
  }),
  'mac',
)

/** What an answer about a segment holds: one of these a message. */
export const segmentAnswer = policy({
  segmentHost: nested(made.VNET_ATTR_SEGMENT_HOST, segmentHostPolicy),
  segmentLease: nested(made.VNET_ATTR_SEGMENT_LEASE, requiring(made.segmentLeasePolicy, 'address', 'mac')),
  segmentNeighbour: nested(made.VNET_ATTR_SEGMENT_NEIGHBOUR, requiring(made.segmentNeighbourPolicy, 'address', 'mac')),
  segmentStation: nested(made.VNET_ATTR_SEGMENT_STATION, requiring(made.segmentStationPolicy, 'name')),
  segmentCounter: nested(
    made.VNET_ATTR_SEGMENT_COUNTER,
    requiring(made.segmentCounterPolicy, 'group', 'name', 'value'),
  ),
})
export const eventPolicy = requiring(made.eventReply, 'ifindex', 'ifname', 'event')

/** The same policy, with some of its attributes that must not be missing. */
function requiring<F extends Fields, K extends keyof F>(
  { fields, strict }: Policy<F>,
  ...names: readonly K[]
): Policy<Omit<F, K> & { readonly [P in K]: F[P] extends Field<infer T> ? Field<T, true> : never }> {
  const must = Object.fromEntries(names.map(name => [name, required(fields[name] as Field<unknown>)]))
  return policy({ ...fields, ...must }, { strict }) as never
}
