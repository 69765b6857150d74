/**
 * The family `vnet_nl` as both sides know it: commands, attributes, and the contents of requests
 * and replies. family.generated.ts has nearly all of it; it is made from docs/vnet_nl.yaml and
 * presence.yaml, which says which attributes are required. This file adds what clients and servers
 * see differently, such as the defaults of absent counters.
 */
import type { LinkStats64 } from '../../netdev/stats.ts'
import * as netlink from '../../netlink/index.ts'
import { strict, toCount } from './codec.ts'
import {
  echoAttributes,
  eventNumbers,
  commands as generatedCommands,
  linkStatsPolicy,
} from './family.generated.ts'

export * from './family.generated.ts'

const { echo, getStats } = generatedCommands

/** Bit 1 << VNET_EVENT_* of each. */
export const VNET_EVENTS_ALL = Object.values(eventNumbers).reduce(
  (mask, event) => mask | (1 << event),
  0,
)

/** The text of an echo: a string for the client, bytes for the server. */
const text = netlink.string(echoAttributes.text.type)
const textBytes = netlink.binary(text.type)

/** Statistics of a device: a row of counters. Those that are 0 are left out if `isBrief`. */
type Counted = Readonly<{ row: ArrayLike<number>; isBrief?: boolean }>

/** Statistics: an object for the client, in which omitted counters are 0. */
function linkStats({
  type,
}: {
  readonly type: number
}): netlink.Field<LinkStats64, false, Counted> {
  return {
    ...netlink.nested(type, linkStatsPolicy),
    encode: (builder, nlaType, { row, isBrief = false }) =>
      builder.nested(nlaType, () => {
        for (let i = 0; i < row.length; i++) {
          const n = toCount(row[i])
          if (n > 0 || !isBrief) {
            builder.counter64(i + 1, n)
          }
        }
      }),
  }
}

const zeros = netlink.decodeAttributes(linkStatsPolicy, new Uint8Array(0))
const { stats, kernelStats, ...otherStats } = getStats.reply.fields

export const commands = {
  ...generatedCommands,
  echo: {
    ...echo,
    request: strict({ text: netlink.required({ ...textBytes, encode: text.encode }) }),
    reply: netlink.policy({ text: netlink.required({ ...text, encode: textBytes.encode }) }),
  },
  getStats: {
    ...getStats,
    reply: netlink.policy({
      ...otherStats,
      stats: netlink.withDefault(linkStats(stats), zeros),
      kernelStats: linkStats(kernelStats),
    }),
  },
}

/** The same type; optional properties may also be undefined. */
type Loose<T> = {
  readonly [K in keyof T]: Record<never, never> extends Pick<T, K> ? T[K] | undefined : T[K]
}

/** A decoded message of the reply to a command. */
export type Reply<K extends keyof typeof commands> = (typeof commands)[K] extends {
  readonly reply: netlink.Policy<infer F extends netlink.Fields>
}
  ? Loose<netlink.Decoded<F>>
  : never
