/**
 * Random and mutated requests, a million in a long run, to the dispatcher of a vnet of snull. Two
 * such vnets get the same requests, one amid zeros, the other amid ones. Both must reply alike, and
 * exactly once to every request that wants an end of its reply.
 */
import { expect, test } from 'vitest'
import { EINVAL, ENODEV, ENOENT, EOPNOTSUPP, EPERM } from '#src/base/errno.ts'
import { Events } from '#src/control/operations/events.ts'
import { vnetFamily } from '#src/control/operations/vnet-family.ts'
import { VNET_GENL_ID } from '#src/control/protocol/family.ts'
import type { Client, Parts } from '#src/control/server/dispatch.ts'
import { nlctrl } from '#src/control/server/nlctrl.ts'
import { driver } from '#src/drivers/snull/driver.ts'
import { defaultParams } from '#src/netdev/driver.ts'
import * as netlink from '#src/netlink/index.ts'
import { endedAfterEach } from '#support/ends.ts'
import {
  Bender,
  Chance,
  FUZZ_BLOCK,
  FUZZ_OCTETS,
  failure,
  numberMessages,
  seedsOf,
  type Whole,
  withoutStacks,
} from '#support/fuzz-netlink.ts'
import { dispatchAll, request } from '#support/genl-request.ts'
import { addDevice, addDriver, memoryNets, turn } from '#support/memory-net.ts'
import { SEED, scaled } from '#support/scale.ts'

const COUNT = scaled(1_000_000)
/** Bytes on either side of a request. */
const AROUND = 64
/** The errors that a request may be refused with. */
const REFUSALS = new Set([EPERM, ENOENT, ENODEV, EINVAL, EOPNOTSUPP].map(errno => -errno))

const memoryNet = memoryNets()
const ends = endedAfterEach<Disposable>()

withoutStacks()

/** A message that was sent: what decides which request it replies to. */
interface Said {
  readonly type: number
  readonly seq: number
  readonly portid: number
  /** The error of a message that ends a reply. */
  readonly error: number | undefined
  /** The header that an NLMSG_ERROR quotes. */
  readonly quoted: string
}

/** A vnet in memory, its input bytes, and its output for the last of them. */
async function vnet(around: number) {
  const memory = memoryNet()
  const { devices } = await addDriver(memory, driver, {
    ...defaultParams(driver.params),
    timeout: 50,
  })
  const other = await addDevice(memory, {}, { name: 'one', txqs: 3, rxqs: 2 })
  const netnsOf = (dev: unknown) => (dev === other.dev ? 'red' : undefined)
  const values = (devices[0]!.priv as { params: Record<string, unknown> }).params
  let turns = 0
  const events = new Events(memory.net, netnsOf, () => 0)
  ends.push(events)
  const module = { name: 'snull', params: driver.params, values }
  const family = vnetFamily({
    devices: memory.net.devices,
    now: () => 0,
    netnsOf,
    module,
    events,
    captures: { start() {} },
  })
  const families = new Map([nlctrl([family]), family].map(each => [each.id, each]))
  const bytes = new Uint8Array(FUZZ_OCTETS + 2 * AROUND).fill(around)
  // Other bytes of the same buffer surround the input, like in a connection's buffer.
  const given = bytes.subarray(AROUND)
  const said = Buffer.alloc(1 << 20)
  let end = 0
  const say = (octets: Uint8Array) => {
    said.set(octets, end)
    end += octets.length
  }
  const onDefect = (error: unknown) => {
    throw error
  }
  // Half of the clients may change nothing. Now and then a client has no room for an event.
  const clients = Array.from({ length: 8 }, (_, n): Client => {
    const missing = n < 4 ? undefined : 'only root may do this'
    const caller = {
      missing,
      missingToCapture: missing,
      share: 0,
      privileged: n < 4,
      onDrained: undefined,
      handOver() {},
    }
    return { ...caller, notify: () => ++turns % 64 !== 0, send: say, dump }
  })
  function dump(parts: Parts): void {
    for (let done: boolean | undefined = false; !done; ) {
      const next = parts.next()
      say(next.value)
      done = next.done
    }
  }
  function tell(octets: Uint8Array, client: number): Buffer {
    bytes.fill(around)
    given.set(octets)
    end = 0
    dispatchAll(families, given, octets.length, clients[client] as Client, onDefect)
    return said.subarray(0, end)
  }
  return { ...memory, events, tell }
}

function right(): Uint8Array[] {
  const ask = (
    cmd: number,
    write: (b: netlink.MessageBuilder) => unknown,
    flags = netlink.NLM_F_ACK,
  ) => request(VNET_GENL_ID, cmd, { flags, write }).slice()
  const ifreq = new Uint8Array(40)
  return [
    request(0x10, 3, { flags: netlink.NLM_F_ACK, write: b => b.string(2, 'vnet_nl') }),
    request(0x10, 3, { flags: netlink.NLM_F_DUMP }),
    request(0x10, 10, { flags: netlink.NLM_F_DUMP, write: b => b.u16(1, VNET_GENL_ID).u32(10, 1) }),
    ask(1, b => b.string(1, 'hello')),
    ask(1, b => b.binary(1, new Uint8Array(60).fill(0x41)), 0),
    ask(2, b => b.string(2, 'sn0')),
    ask(2, () => {}, netlink.NLM_F_DUMP),
    ask(3, b => b.string(2, 'one').string(3, 'red'), 0),
    ask(3, b => b.u32(1, 2).u32(6, 1), netlink.NLM_F_DUMP),
    ask(4, b => b.u32(1, 2)),
    ask(5, b => b.u32(1, 4).u8(21, 1), 0),
    ask(6, b => b.string(15, 'lockup')),
    ask(6, () => {}, netlink.NLM_F_DUMP),
    ask(7, b => b.u32(1, 2).string(15, 'lockup').string(16, '3'), 0),
    ask(8, b => b.string(2, 'sn1').string(22, 'lockup').u32(10, 0)),
    ask(9, b => b.u32(1, 2).u32(23, 0x89f1).binary(24, ifreq).binary(26, new Uint8Array(200))),
    ask(9, b => b.u32(1, 3).u32(23, 0x89f3).binary(24, ifreq).binary(26, new Uint8Array(8)), 0),
    ask(9, b => b.string(2, 'sn0').u32(23, 0x8971).binary(24, ifreq)),
    ask(10, b => b.u32(29, 6).u64(30, 5n)),
    ask(10, b => b.u32(29, 0), 0),
    ask(21, b => b.string(2, 'sn0').u8(67, 1)),
    ask(21, b => b.u32(1, 2).u8(67, 2).u32(68, 1000), 0),
    ask(21, b => b.u32(1, 2).u8(67, 0)),
    ask(21, b => b.u32(1, 2)),
    ask(19, b =>
      b.string(2, 'sn0').binary(60, new Uint8Array([0, 14, ...new Uint8Array(14), 0, 3, 1, 2, 3])),
    ),
  ]
}

/** The messages that were sent; throws unless they are whole, to the last byte. */
function heard(octets: Buffer): Said[] {
  return Array.from(netlink.messages(octets), message => {
    const { type, seq, portid, offset } = message
    const error =
      type === netlink.NLMSG_ERROR || type === netlink.NLMSG_DONE
        ? netlink.parseAck(octets, message).error
        : undefined
    const quoted =
      type === netlink.NLMSG_ERROR ? octets.toString('latin1', offset + 4, offset + 20) : ''
    return { type, seq, portid, error, quoted }
  })
}

const isRequest = ({ flags, type }: Whole) =>
  (flags & netlink.NLM_F_REQUEST) !== 0 && type >= netlink.NLMSG_MIN_TYPE
/**
 * Commands that reply with a message unless they are refused; of nlctrl the only one without a
 * dump.
 */
const TELLING = new Set([1, 2, 3, 6, 9, 19, 21, 22])
const tells = (octets: Uint8Array, { type, at }: Whole) =>
  type !== VNET_GENL_ID || TELLING.has(octets[at + 16]!)
const isDump = (whole: Whole) =>
  isRequest(whole) && (whole.flags & netlink.NLM_F_DUMP) === netlink.NLM_F_DUMP

/**
 * Compares the replies with the requests; throws if there are too few or too many.
 */
function hold(asked: readonly Whole[], octets: Uint8Array, said: Said[]): void {
  let next = 0
  for (const whole of asked) {
    const first = next
    const portid = netlink.getU32(octets, whole.at + 12)
    while (said[next]?.seq === whole.seq && said[next]!.error === undefined) {
      next++
    }
    const answers = next - first
    const end = said[next]?.seq === whole.seq ? said[next++] : undefined
    const mustEnd = (whole.flags & netlink.NLM_F_ACK) !== 0 || isDump(whole)
    if (mustEnd && end === undefined) throw new Error(`${whole.seq} got no end`)
    if (!mustEnd && end?.error === 0) {
      throw new Error(`${whole.seq} did not ask for an acknowledgement`)
    }
    if (!isRequest(whole) && (answers > 0 || (end?.error ?? 0) !== 0)) {
      throw new Error(`${whole.seq} was no request`)
    }
    if (isRequest(whole) && !isDump(whole)) {
      const due = (end?.error ?? 0) === 0 && tells(octets, whole) ? 1 : 0
      if (answers !== due) throw new Error(`${whole.seq} got ${answers} answers`)
    }
    if (said.slice(first, next).some(each => each.portid !== portid)) {
      throw new Error(`${whole.seq}: another port`)
    }
    if (end !== undefined && end.error !== 0 && !REFUSALS.has(end.error!)) {
      throw new Error(`refused with ${end.error}`)
    }
    const header = Buffer.from(octets.subarray(whole.at, whole.at + 16)).toString('latin1')
    if (end?.type === netlink.NLMSG_ERROR && end.quoted !== header) {
      throw new Error(`${whole.seq}: another header is quoted`)
    }
    if (end?.type === netlink.NLMSG_DONE && !isDump(whole)) {
      throw new Error(`${whole.seq} asked for no dump`)
    }
  }
  if (next !== said.length) throw new Error(`${said.length - next} messages have no receiver`)
}

test('a vnet replies once to each request among random and mutated bytes, and reads nothing around them', {
  timeout: 300_000,
}, async () => {
  const [zeros, ones] = [await vnet(0x00), await vnet(0xff)]
  const rights = right()
  const [refused, told] = [new Map<number, number>(), { requests: 0, answers: 0 }]
  for (const seed of seedsOf(COUNT, 1000 + SEED)) {
    const [bender, chance] = [new Bender(seed, rights), new Chance(seed + 1)]
    for (let i = 0; i < FUZZ_BLOCK; i++) {
      const octets = bender.octets.subarray(0, bender.next())
      const asked = numberMessages(octets, octets.length, i * 64)
      const client = chance.below(8)
      try {
        const said = zeros.tell(octets, client)
        if (!said.equals(ones.tell(octets, client))) {
          throw new Error('the memory around a request changes its reply')
        }
        const all = heard(said)
        hold(asked, octets, all)
        told.requests += asked.length
        for (const { error } of all) {
          if (error === undefined) {
            told.answers++
          } else {
            refused.set(error, (refused.get(error) ?? 0) + 1)
          }
        }
      } catch (error) {
        throw failure(seed, i, octets, error)
      }
    }
    expect(zeros.events.subscribers.length, `seed ${seed}`).toBeLessThanOrEqual(8)
    // Work that the requests started continues.
    await turn()
  }
  // The requests do get that far: everything that may happen does, many times.
  expect(told.requests).toBeGreaterThan(COUNT / 2)
  expect(told.answers).toBeGreaterThan(COUNT / 4)
  for (const error of [0, ...REFUSALS]) {
    expect(refused.get(error) ?? 0, `refused with ${error}`).toBeGreaterThanOrEqual(COUNT / 10_000)
  }
})
