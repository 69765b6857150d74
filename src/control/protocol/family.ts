/**
 * The family `vnet_nl` as both sides know it: commands, attributes, and the contents of requests
 * and replies.
 *
 * docs/vnet_nl.yaml specifies the family, and family.generated.ts is made from it. The
 * specification cannot express which attributes are required and which defaults absent ones have;
 * this file does.
 */
import type { LinkStats64 } from '../../netdev/stats.ts'
import { binary, type Field, indexedArray, nested, policy, required, string, withDefault } from '../../netlink/index.ts'
import { complete, defaulting, requiring, strict, toCount } from './codec.ts'
import * as made from './family.generated.ts'

export * from './family.generated.ts'

/** Bit 1 << VNET_EVENT_* of each. */
export const VNET_EVENTS_ALL = Object.values(made.eventNumbers).reduce((mask, event) => mask | (1 << event), 0)

/** The text of an echo: a string for the client, bytes for the server. */
const text = string(made.echoAttributes.text.type)
const textBytes = binary(text.type)

const linkStatsZero = Object.fromEntries(Object.keys(made.linkStatsPolicy.fields).map(name => [name, 0]))
const zeros = linkStatsZero as unknown as LinkStats64

/** Statistics of a device: a row of counters. Those that are 0 are left out if `isBrief`. */
interface Counted {
  readonly row: ArrayLike<number>
  readonly isBrief?: boolean
}

/** Statistics: an object for the client, in which omitted counters are 0. */
function linkStats({ type }: { readonly type: number }): Field<LinkStats64, false, Counted> {
  return {
    ...nested(type, defaulting(made.linkStatsPolicy, zeros)),
    encode: (builder, type, { row, isBrief = false }) =>
      builder.nested(type, () => {
        for (let i = 0; i < row.length; i++) {
          const n = toCount(row[i])
          if (n > 0 || !isBrief) builder.counter64(i + 1, n)
        }
      }),
  }
}

const {
  getDevices,
  getStats,
  setCarrier,
  getParam,
  setParam,
  trigger,
  ioctl,
  event,
  getSegment,
  getWire,
  setWire,
  inject,
  getParts,
  step,
  getScenario,
  getRuntime,
} = made.commands
const { stats, kernelStats, drops, ...otherStats } = getStats.reply.fields
const statsReply = policy({
  ...otherStats,
  stats: withDefault(linkStats(stats), zeros),
  kernelStats: linkStats(kernelStats),
  drops: withDefault(indexedArray(drops.type, complete(made.dropPolicy)), []),
})

const { addresses, ...otherOfHost } = made.segmentHostPolicy.fields
const addressPolicy = complete(made.segmentAddressPolicy)
const hostPolicy = policy({ ...otherOfHost, addresses: withDefault(indexedArray(addresses.type, addressPolicy), []) })
const leasePolicy = defaulting(made.segmentLeasePolicy, { expires: Number.POSITIVE_INFINITY })
const { host, lease, neighbour, station, counter } = getSegment.reply.fields

const { drops: stageDrops, ...otherOfStage } = made.wireStagePolicy.fields
const stagePolicy = complete(
  policy({ ...otherOfStage, drops: withDefault(indexedArray(stageDrops.type, complete(made.wireDropPolicy)), []) }),
  'lateP50',
  'lateP99',
  'lateCounts',
)
const partPolicy = requiring(made.partPolicy, 'kind', 'name')
const stepPolicy = defaulting(requiring(made.stepPolicy, 'number', 'ifindex', 'ifname', 'next'), { queue: 0 })
const scenarioPolicy = requiring(made.scenarioPolicy, 'file')
const scenarioStepPolicy = complete(made.scenarioStepPolicy)
const { loopDelay, gc, ...otherOfRuntime } = made.runtimePolicy.fields
const runtimePolicy = complete(
  policy({
    ...otherOfRuntime,
    loopDelay: nested(loopDelay.type, complete(made.loopDelayPolicy)),
    gc: withDefault(indexedArray(gc.type, complete(made.gcPolicy)), []),
  }),
  'loopDelay',
)
const attachmentPolicy = requiring(made.wireAttachmentPolicy, 'bytes')

/** The commands. */
export const commands = {
  ...made.commands,
  echo: {
    ...made.commands.echo,
    request: strict({ text: required({ ...textBytes, encode: text.encode }) }),
    reply: policy({ text: required({ ...text, encode: textBytes.encode }) }),
  },
  getDevices: {
    ...getDevices,
    reply: complete(getDevices.reply, 'netns', 'driver', 'faults', 'faultTexts', 'peer', 'labSegment', 'labNat'),
  },
  getStats: {
    ...getStats,
    reply: defaulting(requiring(statsReply, 'ifindex', 'ifname', 'time'), {
      rxQueues: 0,
      requeues: 0,
      txTimeouts: 0,
      groMerged: 0,
      made: 0,
      held: 0,
    }),
  },
  setCarrier: { ...setCarrier, request: requiring(setCarrier.request, 'carrier') },
  getParam: {
    ...getParam,
    reply: defaulting(requiring(getParam.reply, 'driver', 'name', 'value', 'type'), { description: '' }),
  },
  setParam: { ...setParam, request: requiring(setParam.request, 'name', 'value') },
  trigger: { ...trigger, request: requiring(trigger.request, 'fault') },
  ioctl: {
    ...ioctl,
    request: requiring(ioctl.request, 'cmd', 'ifreq'),
    reply: requiring(ioctl.reply, 'result', 'ifreq'),
  },
  event: {
    ...event,
    reply: requiring(
      policy({ ...event.reply.fields, step: nested(event.reply.fields.step.type, stepPolicy) }),
      'ifindex',
      'ifname',
      'event',
    ),
  },
  step: {
    ...step,
    reply: requiring(
      defaulting(policy({ ...step.reply.fields, step: nested(step.reply.fields.step.type, stepPolicy) }), {
        every: 0,
        count: 0,
      }),
      'mode',
    ),
  },
  getSegment: {
    ...getSegment,
    // Each message has one of these.
    reply: policy({
      host: nested(host.type, requiring(hostPolicy, 'mac')),
      lease: nested(lease.type, requiring(leasePolicy, 'address', 'mac')),
      neighbour: nested(neighbour.type, complete(made.segmentNeighbourPolicy)),
      station: nested(station.type, requiring(made.segmentStationPolicy, 'name')),
      counter: nested(counter.type, complete(made.segmentCounterPolicy)),
    }),
  },
  getWire: {
    ...getWire,
    // Each message has a stage, or the text of a direction.
    reply: requiring(
      policy({ ...getWire.reply.fields, stage: nested(getWire.reply.fields.stage.type, stagePolicy) }),
      'time',
    ),
  },
  setWire: {
    ...setWire,
    request: strict({
      ...setWire.request.fields,
      attachments: withDefault(indexedArray(setWire.request.fields.attachments.type, attachmentPolicy), []),
    }),
  },
  inject: {
    ...inject,
    request: requiring(inject.request, 'frames'),
    reply: complete(inject.reply),
  },
  getParts: {
    ...getParts,
    reply: complete(policy({ part: nested(getParts.reply.fields.part.type, partPolicy) })),
  },
  getScenario: {
    ...getScenario,
    // The first message has the scenario, the others a step each.
    reply: policy({
      scenario: nested(getScenario.reply.fields.scenario.type, scenarioPolicy),
      step: nested(getScenario.reply.fields.step.type, scenarioStepPolicy),
    }),
  },
  getRuntime: {
    ...getRuntime,
    reply: complete(
      policy({ ...getRuntime.reply.fields, runtime: nested(getRuntime.reply.fields.runtime.type, runtimePolicy) }),
    ),
  },
}
