/**
 * The family `vnet_nl` as both sides know it: commands, attributes, requests and replies.
 * family.generated.ts is made from docs/vnet_nl.yaml, which cannot express which attributes are
 * required and which defaults absent ones have; this file does.
 */
import type { LinkStats64 } from '../../netdev/stats.ts'
import * as netlink from '../../netlink/index.ts'
import { complete, defaulting, listing, nesting, requiring, strict, toCount } from './codec.ts'
import * as generated from './family.generated.ts'

export * from './family.generated.ts'

const made = generated.commands

/** Bit 1 << VNET_EVENT_* of each. */
export const VNET_EVENTS_ALL = Object.values(generated.eventNumbers).reduce((mask, event) => mask | (1 << event), 0)

/** The text of an echo: a string for the client, bytes for the server. */
const text = netlink.string(generated.echoAttributes.text.type)
const textBytes = netlink.binary(text.type)

const linkStatsNames = Object.keys(generated.linkStatsPolicy.fields)
const zeros = Object.fromEntries(linkStatsNames.map(name => [name, 0])) as unknown as LinkStats64

/** Statistics of a device: a row of counters. Those that are 0 are left out if `isBrief`. */
type Counted = Readonly<{ row: ArrayLike<number>; isBrief?: boolean }>

/** Statistics: an object for the client, in which omitted counters are 0. */
function linkStats({ type }: { readonly type: number }): netlink.Field<LinkStats64, false, Counted> {
  return {
    ...netlink.nested(type, defaulting(generated.linkStatsPolicy, zeros)),
    encode: (builder, type, { row, isBrief = false }) =>
      builder.nested(type, () => {
        for (let i = 0; i < row.length; i++) {
          const n = toCount(row[i])
          if (n > 0 || !isBrief) builder.counter64(i + 1, n)
        }
      }),
  }
}

const { stats, kernelStats, ...otherStats } = listing(made.getStats.reply, {
  drops: complete(generated.dropPolicy),
}).fields
const statsReply = netlink.policy({
  ...otherStats,
  stats: netlink.withDefault(linkStats(stats), zeros),
  kernelStats: linkStats(kernelStats),
})

const addresses = complete(generated.segmentAddressPolicy)
const host = requiring(listing(generated.segmentHostPolicy, { addresses }), 'mac')
const lease = defaulting(generated.segmentLeasePolicy, { expires: Number.POSITIVE_INFINITY })
const stage = complete(
  listing(generated.wireStagePolicy, { drops: complete(generated.wireDropPolicy) }),
  'lateP50',
  'lateP99',
  'lateCounts',
)
const waiting = defaulting(requiring(generated.stepPolicy, 'number', 'ifindex', 'ifname', 'next'), { queue: 0 })
const loopDelay = complete(generated.loopDelayPolicy)
const runtime = complete(
  nesting(listing(generated.runtimePolicy, { gc: complete(generated.gcPolicy) }), { loopDelay }),
  'loopDelay',
)
const attachments = requiring(generated.wireAttachmentPolicy, 'bytes')

export const commands = {
  ...made,
  echo: {
    ...made.echo,
    request: strict({ text: netlink.required({ ...textBytes, encode: text.encode }) }),
    reply: netlink.policy({ text: netlink.required({ ...text, encode: textBytes.encode }) }),
  },
  getDevices: {
    ...made.getDevices,
    reply: complete(
      made.getDevices.reply,
      'netns',
      'driver',
      'faults',
      'faultTexts',
      'peer',
      'labSegment',
      'labNat',
      'busy',
    ),
  },
  getStats: {
    ...made.getStats,
    reply: defaulting(requiring(statsReply, 'ifindex', 'ifname', 'time'), {
      rxQueues: 0,
      requeues: 0,
      txTimeouts: 0,
      groMerged: 0,
      made: 0,
      held: 0,
    }),
  },
  setCarrier: { ...made.setCarrier, request: requiring(made.setCarrier.request, 'carrier') },
  getParam: {
    ...made.getParam,
    reply: defaulting(requiring(made.getParam.reply, 'driver', 'name', 'value', 'type'), { description: '' }),
  },
  setParam: { ...made.setParam, request: requiring(made.setParam.request, 'name', 'value') },
  trigger: { ...made.trigger, request: requiring(made.trigger.request, 'fault') },
  ioctl: {
    ...made.ioctl,
    request: requiring(made.ioctl.request, 'cmd', 'ifreq'),
    reply: requiring(made.ioctl.reply, 'result', 'ifreq'),
  },
  event: {
    ...made.event,
    reply: requiring(nesting(made.event.reply, { step: waiting }), 'ifindex', 'ifname', 'event'),
  },
  step: {
    ...made.step,
    reply: requiring(defaulting(nesting(made.step.reply, { step: waiting }), { every: 0, count: 0 }), 'mode'),
  },
  getSegment: {
    ...made.getSegment,
    // Each message has one of these.
    reply: nesting(made.getSegment.reply, {
      host,
      lease: requiring(lease, 'address', 'mac'),
      neighbour: complete(generated.segmentNeighbourPolicy),
      station: requiring(generated.segmentStationPolicy, 'name'),
      counter: complete(generated.segmentCounterPolicy),
    }),
  },
  // Each message has a stage, or the text of a direction.
  getWire: { ...made.getWire, reply: requiring(nesting(made.getWire.reply, { stage }), 'time') },
  setWire: { ...made.setWire, request: listing(made.setWire.request, { attachments }) },
  inject: {
    ...made.inject,
    request: requiring(made.inject.request, 'frames'),
    reply: complete(made.inject.reply),
  },
  getParts: {
    ...made.getParts,
    reply: complete(nesting(made.getParts.reply, { part: requiring(generated.partPolicy, 'kind', 'name') })),
  },
  getScenario: {
    ...made.getScenario,
    // The first message has the scenario, the others a step each.
    reply: nesting(made.getScenario.reply, {
      scenario: requiring(generated.scenarioPolicy, 'file'),
      step: complete(generated.scenarioStepPolicy),
    }),
  },
  getRuntime: { ...made.getRuntime, reply: complete(nesting(made.getRuntime.reply, { runtime })) },
}

/** The same type; optional properties may also be undefined. */
type Loose<T> = { readonly [K in keyof T]: Record<never, never> extends Pick<T, K> ? T[K] | undefined : T[K] }

/** A decoded message of the reply to a command. */
export type Reply<K extends keyof typeof commands> = (typeof commands)[K] extends {
  readonly reply: netlink.Policy<infer F extends netlink.Fields>
}
  ? Loose<netlink.Decoded<F>>
  : never
