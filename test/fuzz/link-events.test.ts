/**
 * Events of other namespaces: random, mutated, truncated, oversized, and with names that are not
 * UTF-8. None ends the monitor, and a valid event after them is reported.
 */
import { test } from 'vitest'
import { EAGAIN } from '#src/base/errno.ts'
import { LinkMonitor } from '#src/linux/links/monitor.ts'
import type { Native, Poller } from '#src/linux/native.ts'
import { putU32 } from '#src/netlink/host-order.ts'
import { MessageBuilder } from '#src/netlink/index.ts'
import { atOnce } from '#support/at-once.ts'
import { Bender, Chance, FUZZ_BLOCK, failure, seedsOf } from '#support/fuzz-netlink.ts'
import { SEED, scaled } from '#support/scale.ts'

const COUNT = scaled(1_000_000)
const MSG_TRUNC = 0x20
/** The maximum size of a monitor's buffer. */
const BUFFER_MAX = 4 << 20
/** struct ifinfomsg, and the attributes that the parser reads, include/uapi/linux/if_link.h. */
const IFINFOMSG = 16
const [ADDRESS, IFNAME, MTU, LINKINFO, NEW_NETNSID, NEW_IFINDEX, PROP_LIST, ALT_IFNAME] = [
  1, 3, 4, 18, 45, 49, 52, 53,
]
const [NEWLINK, DELLINK, NEWADDR, DELADDR, NEWMULTICAST, DELNSID] = [16, 17, 20, 21, 56, 89]
/** The interface index in valid events. */
const GOOD = 0x600d

function event(
  type: number,
  ifindex: number,
  write: (builder: MessageBuilder) => unknown = () => {},
): Uint8Array {
  const header = new Uint8Array(IFINFOMSG)
  putU32(header, 4, ifindex)
  const builder = new MessageBuilder().message(type, 0, 0).payload(header)
  write(builder)
  return builder.bytes.slice()
}

const bytes = (...values: number[]) => Uint8Array.from(values)
const link = (b: MessageBuilder, name: Uint8Array) =>
  b
    .binary(IFNAME, name)
    .u32(MTU, 1500)
    .binary(ADDRESS, bytes(2, 0, 0, 0, 0, 1))
const named = (...name: number[]) => event(NEWLINK, GOOD, b => link(b, bytes(...name, 0)))
const good = named(0x67, 0x30)

/** An interface with `count` alternative names of 116 bytes, at most 500 in one list. */
const withAltNames = (count: number) =>
  event(NEWLINK, 7, b => {
    link(b, bytes(0x61, 0))
    for (let left = count; left > 0; left -= 500) {
      b.nested(PROP_LIST, list => {
        for (let i = 0; i < Math.min(left, 500); i++) {
          list.binary(ALT_IFNAME, new Uint8Array(116).fill(0x61 + (i % 26)))
        }
      })
    }
  })

const RIGHT: readonly Uint8Array[] = [
  good,
  named(0xff, 0xfe, 0xff, 0xfe),
  named(0x1b, 0x5d, 0x30, 0x3b, 0x07),
  named(...new Array(40).fill(0x61)),
  withAltNames(3),
  event(NEWLINK, 3, b =>
    link(b, bytes(0x62, 0)).nested(LINKINFO, info =>
      info.string(1, 'tun').nested(2, data => data.u8(3, 2)),
    ),
  ),
  event(DELLINK, 3, b => link(b, bytes(0x62, 0)).u32(NEW_NETNSID, 4).u32(NEW_IFINDEX, 9)),
  event(NEWADDR, 3, b => b.binary(1, bytes(198, 18, 0, 1))),
  event(DELADDR, 3),
  event(NEWMULTICAST, 3),
  event(DELNSID, 0, b => b.u32(1, 4)),
]

test('no event ends the monitor, grows memory without bound, or hides the event after it', () => {
  let waiting: { datagram: Uint8Array; sender: number; nsid: number }[] = []
  let room = 0
  let wake: (status: number) => unknown = () => {}
  const native = {
    socket: () => 5,
    setsockopt: () => 0,
    bind: () => 0,
    close: () => 0,
    createPoller: (_, fn) => {
      wake = fn
      return {
        start: () => 0,
        stop: () => 0,
        close: () => 0,
        ref: () => 0,
        unref: () => 0,
      } as Poller
    },
    recvmsg(_fd, into, flags, meta) {
      const next = waiting.shift()
      if (next === undefined) return -EAGAIN
      const { datagram, sender, nsid } = next
      room = Math.max(room, into.length)
      const cut = datagram.length > into.length
      into.set(cut ? datagram.subarray(0, into.length) : datagram)
      meta.set([sender, nsid, cut ? MSG_TRUNC : 0])
      return cut && (flags & MSG_TRUNC) === 0 ? into.length : datagram.length
    },
  } as Partial<Native> as Native
  let told = 0
  const listener = {
    onLink: (_: number, { ifindex }: { ifindex: number }) => {
      if (ifindex === GOOD) {
        told++
      }
    },
    onAddress() {},
    onLost() {},
    onError() {},
    onNsidGone() {},
    // After a lost event, the state is read again.
    onOverrun: () => void told++,
  }
  const oversized = [280, 600, 5_000, 40_000].map(withAltNames)
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  using monitor = new LinkMonitor(native, listener, -1, atOnce)
  for (const seed of seedsOf(COUNT, SEED)) {
    const [bender, chance] = [new Bender(seed, RIGHT), new Chance(seed + 1)]
    for (let i = 0; i < FUZZ_BLOCK; i++) {
      const bent = bender.octets.subarray(0, bender.next())
      const datagram = chance.below(5000) === 0 ? chance.of(oversized) : bent
      const sender = chance.below(10) === 0 ? chance.next() : 0
      waiting = [
        { datagram, sender, nsid: chance.below(6) - 1 },
        { datagram: good, sender: 0, nsid: -1 },
      ]
      told = 0
      try {
        for (let turns = 0; waiting.length > 0 && turns < 4; turns++) {
          wake(0)
        }
        wake(0)
        if (told === 0) throw new Error('the event behind it was not reported')
        if (room > BUFFER_MAX) throw new Error(`a buffer of ${room} bytes`)
      } catch (error) {
        throw failure(seed, i, datagram.subarray(0, 512), error)
      }
    }
  }
  monitor.close()
  Error.stackTraceLimit = stackTraceLimit
})
