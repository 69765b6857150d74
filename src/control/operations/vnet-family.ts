/**
 * The replies of a running vnet to requests of `vnet_nl`. A device's counters, vnet's and the
 * kernel's, are read in one turn of the event loop, so they agree to the frame, even under load.
 */
import { EINVAL, ENETDOWN, ENOENT, EOPNOTSUPP, VnetError } from '../../base/errno.ts'
import { optionName, printable } from '../../base/printable.ts'
import { didYouMean, UsageError } from '../../base/usage-error.ts'
import { Drops } from '../../netdev/counters.ts'
import { ByteMemory, devIoctl, noMemory } from '../../netdev/dev-ioctl.ts'
import { formatParam, type Param } from '../../netdev/driver.ts'
import { IFR_IFRU } from '../../netdev/if.ts'
import { callNdo } from '../../netdev/ndo.ts'
import type { NetDevice } from '../../netdev/net-device.ts'
import { cutCable, netifCarrierOff, netifCarrierOn, peerOf, plugCable } from '../../netdev/netif.ts'
import { partsOf } from '../../netdev/parts.ts'
import { LINK_STATS64_LENGTH } from '../../netdev/stats.ts'
import { getU64, putU64 } from '../../netlink/index.ts'
import { dropReasonName } from '../../skb/drop-reason-name.ts'
import {
  commands,
  scopeNumbers,
  segmentPartNumbers,
  VNET_GENL_ID,
  VNET_GENL_NAME,
  VNET_GENL_VERSION,
  VNET_IOCTL_DATA_ADDRESS,
  VNET_MCGRP_EVENTS,
  VNET_MCGRP_EVENTS_NAME,
  vnetAttributes,
} from '../protocol/family.ts'
import {
  deviceCounters,
  type QueueCounterField,
  type QueueCounters,
  queueCounterFields,
  queueCounters,
} from '../protocol/queue-counters.ts'
import type { SegmentEntry, SegmentEntryKind } from '../protocol/segment-entry.ts'
import { capture } from './capture-request.ts'
import { inject } from './inject.ts'
import {
  type Caller,
  type Family,
  MissingAttribute,
  type Operation,
  operation,
  Refusal,
} from './operation.ts'
import { step } from './step.ts'
import {
  chosen,
  identify,
  moduleOf,
  type RunningDriver,
  type Subject,
  theOne,
  type Which,
} from './subject.ts'
import { wires, wireText } from './wire.ts'

function ioctl(subject: Subject): Operation {
  return operation(commands.ioctl, {
    doit({ cmd, ifreq, data, ...which }, { missing }) {
      const dev = theOne(subject, which)
      const ifr = ifreq.slice()
      if (data !== undefined && data.length > 0 && getU64(ifr, IFR_IFRU) === 0n) {
        putU64(ifr, IFR_IFRU, BigInt(VNET_IOCTL_DATA_ADDRESS))
      }
      const memory = data && new RequestMemory(data.slice(), getU64(ifr, IFR_IFRU))
      const result = devIoctl(dev, cmd, ifr, memory ?? noMemory, missing === undefined)
      return { result, ifreq: ifr, data: memory?.written }
    },
  })
}

/** Remembers how much was written: a driver writes only from ifr_data on. */
class RequestMemory extends ByteMemory {
  #length = 0

  override write(address: bigint, from: Uint8Array): number {
    const result = super.write(address, from)
    if (result === 0) {
      this.#length = Math.max(this.#length, from.length)
    }
    return result
  }

  get written(): Uint8Array | undefined {
    return this.#length === 0 ? undefined : this.bytes.subarray(0, this.#length)
  }
}

const NAME = vnetAttributes.paramName.type
const SEGMENT_KINDS = Object.keys(segmentPartNumbers) as SegmentEntryKind[]
const ROW = new Float64Array(LINK_STATS64_LENGTH)
const DROPS = new Drops()

/** Returns the family of a program: all operations on its `subject`. */
export function vnetFamily(subject: Subject): Family {
  const echo = operation(commands.echo, {
    doit({ text }) {
      const end = text.indexOf(0)
      return { text: Uint8Array.of(...(end < 0 ? text : text.subarray(0, end)), 0) }
    },
  })
  const getDevices = operation(commands.getDevices, {
    doit: which => describe(subject, theOne(subject, which)),
    dumpit: which => describeAll(subject, chosen(subject, which)),
  })
  const getStats = operation(commands.getStats, {
    doit: (which, caller) => deviceStats(subject, theOne(subject, which), { caller }),
    dumpit: ({ scope = 0, ...which }, caller) =>
      allStats(subject, chosen(subject, which), scope, caller),
  })
  const getParts = operation(commands.getParts, {
    // All of one moment, however late the client reads them.
    dumpit: which => partsOf(theOne(subject, which)).map(part => ({ part })),
  })
  const getRuntime = operation(commands.getRuntime, {
    doit() {
      const { runtime, now } = subject
      if (runtime === undefined) {
        throw new VnetError(EOPNOTSUPP, 'vnet_nl', 'the program is not known here')
      }
      return { time: now(), runtime: runtime.read() }
    },
  })
  const getMistakes = operation(commands.getMistakes, {
    dumpit() {
      const { mistakes } = subject
      if (mistakes === undefined) {
        throw new VnetError(EOPNOTSUPP, 'vnet_nl', 'only vnet node has mistakes')
      }
      const { count, present } = mistakes()
      return [
        { mistakeCount: count },
        ...present.map(({ who, why }) => ({ mistake: { who: wireText(who), why: wireText(why) } })),
      ]
    },
  })
  return {
    id: VNET_GENL_ID,
    name: VNET_GENL_NAME,
    version: VNET_GENL_VERSION,
    maxattr: Math.max(...Object.values(vnetAttributes).map(({ type }) => type)),
    operations: [
      echo,
      getDevices,
      getStats,
      ioctl(subject),
      subscribe(subject),
      getSegment(subject),
      getParts,
      getRuntime,
      getMistakes,
      ...changes(subject),
      ...parameters(subject),
      ...wires(subject),
      capture(subject),
      inject(subject),
      step(subject),
    ].sort((a, b) => a.cmd - b.cmd),
    groups: [{ name: VNET_MCGRP_EVENTS_NAME, id: VNET_MCGRP_EVENTS }],
  }
}

function* describeAll(subject: Subject, devices: readonly NetDevice[]) {
  for (const dev of devices) {
    yield describe(subject, dev)
  }
}

function describe(subject: Subject, dev: NetDevice) {
  const { name: driver, segment, attaches: attached, flips } = subject.module ?? {}
  const part = subject.labPartOf?.(dev)
  return {
    ifindex: dev.ifindex,
    ifname: dev.name,
    netns: subject.netnsOf(dev),
    txQueues: dev.numTxQueues,
    rxQueues: dev.numRxQueues,
    carrier: dev.carrier,
    cut: dev.cut,
    flags: dev.flags >>> 0,
    mtu: dev.mtu,
    mac: dev.devAddr,
    driver,
    faults: faultsOf(dev)?.join(' '),
    faultTexts: faultTexts(dev),
    peer: peerName(subject, dev),
    onSegment: segment !== undefined,
    router: part?.isRouter,
    labSegment: part?.segment,
    labNat: part?.nat,
    attached,
    flips,
    owner: subject.ownerOf?.(dev),
  }
}

/** Returns the faults of a device; undefined if its driver has some and does not list them. */
function faultsOf({ netdevOps: { ndoTrigger, faults } }: NetDevice): readonly string[] | undefined {
  if (ndoTrigger === undefined) return []
  if (Array.isArray(faults)) return faults.map(String)
  return typeof faults === 'object' && faults !== null ? Object.keys(faults) : undefined
}

function faultTexts({ netdevOps: { ndoTrigger, faults } }: NetDevice): string | undefined {
  if (
    ndoTrigger === undefined ||
    typeof faults !== 'object' ||
    faults === null ||
    Array.isArray(faults)
  ) {
    return undefined
  }
  return Object.values(faults)
    .map(text => printable(`${text}`))
    .join('\n')
}

/** Returns the name of the device at the other end of the cable, with its network namespace. */
function peerName(subject: Subject, dev: NetDevice): string | undefined {
  const peer = peerOf(dev)
  if (peer === undefined || !subject.devices.includes(peer)) return undefined
  const netns = subject.netnsOf(peer)
  return netns === undefined ? peer.name : `${netns}/${peer.name}`
}

/** The sums of each device and, if `scope` requests them, its queues, read when its turn comes. */
function* allStats(subject: Subject, devices: readonly NetDevice[], scope: number, caller: Caller) {
  const isOwn = (scope & scopeNumbers.own) !== 0
  for (const dev of devices) {
    if ((scope & scopeNumbers.queue) === 0) {
      yield deviceStats(subject, dev, { caller, isOwn })
      continue
    }
    // Read at the same moment as the sums, however late the client reads them.
    const queues = queueCounters(dev)
    const rows = queues.map((_, queue) => Array.from(dev.counters.queue(queue)))
    const time = subject.now()
    yield deviceStats(subject, dev, { caller, isOwn })
    const { ifindex, ifname, netns } = identify(subject, dev)
    for (const [queue, row] of rows.entries()) {
      yield withCounters({ ifindex, ifname, netns, time, queue, stats: { row } }, queues[queue])
    }
  }
}

/**
 * With `isOwn`, returns only vnet's counters, without zeros: they are read every second, for many
 * devices. The kernel's counters are for clients with rights: reading them waits for a lock of the
 * whole machine (RTNL), which every user can hold in a user namespace.
 *
 * The reply is a literal without spreads. V8 gives each object that is made of a spread and then
 * further properties its own shape, and both survive collections of young objects: a flood of
 * requests would make each collection take 5 ms. The reply is written before the next one is made,
 * so all use the same arrays: a helper thread of V8 frees the memory of an array, for milliseconds
 * in which no frame is moved on its CPU.
 */
function deviceStats(
  subject: Subject,
  dev: NetDevice,
  { caller, isOwn = false }: { caller: Caller; isOwn?: boolean },
) {
  const { tx, rx } = dev.counters.drops(DROPS)
  const drops: DropCount[] = []
  addDrops(drops, 'tx', tx)
  addDrops(drops, 'rx', rx)
  const kernel = isOwn || !caller.privileged ? undefined : dev.kernelStats()
  const counted = (n: number) => (isOwn && n === 0 ? undefined : n)
  const reply = {
    ifindex: dev.ifindex,
    ifname: dev.name,
    netns: subject.netnsOf(dev),
    txQueues: dev.numTxQueues,
    rxQueues: dev.numRxQueues,
    time: subject.now(),
    stats: { row: dev.getStats64(ROW), isBrief: isOwn },
    kernelStats: kernel && { row: kernel },
    drops: isOwn && drops.length === 0 ? undefined : drops,
    held: counted(dev.slots.used),
    beforeVnet: counted(dev.beforeVnet()),
    bypassed: dev.bypassed() || undefined,
  }
  return withCounters(reply, deviceCounters(dev), isOwn)
}

type CounterAttributes = Record<QueueCounterField, number | undefined>

/** Adds counters to the reply that they are of, without zeros if it is brief. Returns the reply. */
function withCounters<T extends object>(
  reply: T,
  counters: QueueCounters,
  isBrief = false,
): T & CounterAttributes {
  const all = reply as T & CounterAttributes
  const attributes: CounterAttributes = all
  // Assigned one by one, they leave all replies of one shape.
  for (const field of queueCounterFields) {
    attributes[field] = isBrief && counters[field] === 0 ? undefined : counters[field]
  }
  return all
}

type DropCount = Readonly<{ direction: 'tx' | 'rx'; reason: string; frames: number }>

function addDrops(
  drops: DropCount[],
  direction: DropCount['direction'],
  frames: Float64Array,
): void {
  for (let reason = 0; reason < frames.length; reason++) {
    if (frames[reason] > 0) {
      drops.push({ direction, reason: dropReasonName(reason), frames: frames[reason] })
    }
  }
}

/** SUBSCRIBE: events on the connection of the request. */
function subscribe({ events }: Subject): Operation {
  return operation(commands.subscribe, {
    doit({ events: mask, dropThreshold, ...which }, caller) {
      if (events === undefined) {
        throw new VnetError(EOPNOTSUPP, 'vnet_nl', 'there are no events here')
      }
      events.subscribe(caller, { events: mask, dropThreshold, which })
      return undefined
    },
  })
}

/** RESET_STATS, SET_CARRIER, CUT, PLUG, TRIGGER: the operations that change a device. */
function changes(subject: Subject): Operation[] {
  return [
    operation(commands.resetStats, { doit: request => void theOne(subject, request).resetStats() }),
    operation(commands.setCarrier, {
      doit({ carrier, ...which }) {
        const set = carrier ? netifCarrierOn : netifCarrierOff
        const dev = theOne(subject, which)
        if (dev.netdevOps.keepsCarrier) {
          const why = 'the carrier of an attached interface is its own; `vnet cut` drops its frames'
          throw new VnetError(EOPNOTSUPP, `carrier of ${dev.name}`, why)
        }
        set(dev)
      },
    }),
    operation(commands.cut, { doit: request => setCut(subject, request, true) }),
    operation(commands.plug, { doit: request => setCut(subject, request, false) }),
    operation(commands.trigger, {
      doit: ({ fault, queue, ...which }) => trigger(theOne(subject, which), fault, queue),
    }),
  ]
}

function setCut(subject: Subject, which: Which, cut: boolean): undefined {
  const dev = theOne(subject, which)
  if (cut) {
    cutCable(dev)
  } else {
    plugCable(dev)
  }
  subject.changed?.(dev, { cut })
}

function trigger(dev: NetDevice, fault: string, queue: number | undefined): undefined {
  const { netdevOps } = dev
  if (queue !== undefined && queue >= dev.numTxQueues) {
    throw new Refusal(
      EINVAL,
      vnetAttributes.queue.type,
      `queue: ${dev.name} has ${dev.numTxQueues}, counted from 0`,
    )
  }
  if (netdevOps.ndoTrigger === undefined) {
    throw new VnetError(EOPNOTSUPP, 'vnet_nl', `the driver of ${dev.name} has no faults to trigger`)
  }
  const error = callNdo(dev, 'ndoTrigger', () => netdevOps.ndoTrigger?.(dev, fault, queue))
  if (error === -EOPNOTSUPP) {
    throw new Refusal(
      EOPNOTSUPP,
      vnetAttributes.fault.type,
      unknown('fault', fault, faultsOf(dev) ?? []),
    )
  }
  if (error === -ENETDOWN) throw new VnetError(ENETDOWN, 'vnet_nl', `${dev.name} is down`)
  if (error < 0) throw new VnetError(error, ['ndoTrigger', `${fault} of ${dev.name}`])
}

/** GET_PARAM and SET_PARAM: the parameters of the driver, as text, as on its command line. */
function parameters(subject: Subject): Operation[] {
  const getParam = operation(commands.getParam, {
    doit({ name, ...which }) {
      const module = moduleOf(subject, which)
      if (name === undefined) throw new MissingAttribute(NAME, 'the request names no parameter')
      return describeParam(module, name, findParam(module, name), wiresNow(subject, which))
    },
    dumpit({ name: wanted, ...which }) {
      const module = moduleOf(subject, which)
      const now = wiresNow(subject, which)
      return Object.entries(module.params)
        .filter(([name]) => (wanted ?? name) === name)
        .map(([name, param]) => describeParam(module, name, param, now))
    },
  })
  const setParam = operation(commands.setParam, {
    doit({ name, value, ...which }) {
      const module = moduleOf(subject, which)
      const param = findParam(module, name)
      if (!param.live) {
        const why = `${optionName(name)} is given to ${module.name} when it starts, and stays as it is`
        throw new Refusal(EOPNOTSUPP, NAME, why)
      }
      module.values[name] = parseParam(name, param, value)
      subject.devices[0]?.net.log.debug(
        `${module.name}: ${name}=${formatParam(param, module.values[name])}`,
      )
      return undefined
    },
  })
  return [getParam, setParam]
}

function findParam({ params }: RunningDriver, name: string): Param<unknown> {
  if (Object.hasOwn(params, name)) return params[name]
  throw new Refusal(
    ENOENT,
    NAME,
    unknown('parameter', optionName(name), Object.keys(params).map(optionName)),
  )
}

/** Returns `no parameter 'lockp'; did you mean 'lockup'?`, or the known names if none is near. */
function unknown(what: string, name: string, known: readonly string[]): string {
  return `no ${what} '${name}'${didYouMean(name, known) || (known.length > 0 ? `; there are ${known.join(', ')}` : '')}`
}

function parseParam(name: string, param: Param<unknown>, text: string): unknown {
  try {
    return param.parse(text)
  } catch (error) {
    if (error instanceof UsageError) {
      throw new Refusal(
        EINVAL,
        vnetAttributes.paramValue.type,
        `${optionName(name)}: ${error.message}`,
      )
    }
    throw error
  }
}

/**
 * Returns what is in force now of the parameters of wires, which SET_WIRE and scenarios change, and
 * the seed that was drawn; empty without wires. `wire` is empty if its directions differ.
 */
function wiresNow(
  subject: Subject,
  which: Parameters<typeof chosen>[1],
): ReadonlyMap<string, string> {
  const found = chosen(subject, which).find(dev => dev.wires.length > 0)?.wires ?? []
  const [ab, ba] = (['ab', 'ba'] as const).map(direction =>
    found.find(each => each.direction === direction),
  )
  if (ab === undefined || ba === undefined) return new Map()
  const texts = { wireAb: ab.text, wireBa: ba.text, wireIn: ab.text, wireOut: ba.text }
  const wire = ab.text === ba.text ? ab.text : ''
  const seed = ab.runSeed === undefined ? {} : { seed: `${ab.runSeed}` }
  return new Map(
    Object.entries({ wire, ...texts, ...seed, ...(ab.only && { only: ab.only.text }) }),
  )
}

function describeParam(
  { name: driver, values }: RunningDriver,
  name: string,
  param: Param<unknown>,
  now: ReadonlyMap<string, string>,
) {
  const { type, live, description, range } = param
  return {
    driver,
    name,
    value: now.get(name) ?? formatParam(param, values[name]),
    type,
    live,
    description,
    range,
  }
}

/** GET_SEGMENT: the entries of the segment that the devices lead to, one per message. */
function getSegment(subject: Subject): Operation {
  return operation(commands.getSegment, {
    dumpit({ parts, ...which }) {
      const { name, segment } = moduleOf(subject, which)
      if (segment === undefined) {
        throw new VnetError(EOPNOTSUPP, 'vnet_nl', `${name} has no segment behind its devices`)
      }
      const kinds = SEGMENT_KINDS.filter(
        kind => parts === undefined || (parts & segmentPartNumbers[kind]) !== 0,
      )
      return segmentMessages(segment(new Set(kinds)) as Iterable<SegmentEntry>)
    },
  })
}

function* segmentMessages(entries: Iterable<SegmentEntry>) {
  for (const entry of entries) {
    if (entry.kind === 'host') {
      yield { host: { ...entry, addresses: entry.addresses.map(address => ({ address })) } }
    } else if (entry.kind === 'lease' && !Number.isFinite(entry.expires)) {
      // A lease without an end has no `expires`.
      yield { lease: { ...entry, expires: undefined } }
    } else {
      yield { [entry.kind]: entry }
    }
  }
}
