/** Events of vnets for the sockets of a program: by the group of vnet_nl, and by SUBSCRIBE. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { EAGAIN, EPERM } from '#src/base/errno.ts'
import { VNET_GENL_ID, VNET_MCGRP_EVENTS } from '#src/control/protocol/family.ts'
import { int32, MSG_DONTWAIT, NETLINK_ROUTE, SOL_NETLINK } from '#src/linux/uapi.ts'
import { genlmsghdr, getU16, MessageBuilder, NLM_F_ACK, NLM_F_REQUEST } from '#src/netlink/index.ts'
import { FakeVnet } from '#support/fake-vnet.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import { Conversations } from '../src/conversations.ts'
import { inodeOf, type Requester } from '../src/program-socket.ts'
import { Replies } from '../src/replies.ts'
import { Subscriptions, subscribes, type Wanted } from '../src/subscriptions.ts'
import { ReachableVnets } from '../src/vnets.ts'
import { SupervisedProgram } from './support/supervised-program.ts'

const SUBSCRIBE = 10
const EVENTS = 29
const [ADD_MEMBERSHIP, DROP_MEMBERSHIP] = [1, 2]

const directory = freshDirectory(0o755)
let program: SupervisedProgram
let conversations: Conversations
let vnets: ReachableVnets
let replies: Replies
let subscriptions: Subscriptions
let requester: Requester | undefined
let fd: number
let fakes: FakeVnet[]

beforeEach(() => {
  program = new SupervisedProgram()
  fd = program.socket()
  ;[fakes, requester] = [[], undefined]
  replies = new Replies(program.native)
  vnets = new ReachableVnets({ directory })
  conversations = new Conversations({
    native: program.native,
    onDefect: error => program.defects.push(error),
  })
  subscriptions = new Subscriptions(
    program.supervision({ vnets, conversations, requesterOf: () => requester }),
    replies,
  )
  // Joining the group takes root.
  vi.spyOn(process, 'geteuid').mockReturnValue(0)
})
afterEach(() => {
  vi.restoreAllMocks()
  subscriptions.close()
  conversations.close()
  for (const fake of fakes) {
    fake[Symbol.dispose]()
  }
  program[Symbol.dispose]()
  expect(program.defects).toEqual([])
})

function vnet(answers = () => [] as const): FakeVnet {
  const fake = new FakeVnet(directory, { [SUBSCRIBE]: answers })
  fakes.push(fake)
  vnets.forget()
  return fake
}

function setsockopt(option: number, group: number, at = fd, level = SOL_NETLINK, length = 4): void {
  subscriptions.setsockopt(program.call(at, level, option, program.put(int32(group)), length))
}
/** Settles when that many calls have returned. */
async function results(count: number): Promise<void> {
  while (program.results.length < count) {
    await new Promise(setImmediate)
  }
}

const enter = () => setsockopt(ADD_MEMBERSHIP, VNET_MCGRP_EVENTS)
const leave = () => setsockopt(DROP_MEMBERSHIP, VNET_MCGRP_EVENTS)

/** Receives the next event of the program's socket, or undefined without one. */
function receive(from = fd): Uint8Array | undefined {
  const placeholder = new Uint8Array(64)
  const length = program.native.recvmsg(from, placeholder, MSG_DONTWAIT, new Int32Array(3))
  if (length === -EAGAIN) return undefined
  expect(replies.isPlaceholder(placeholder, length)).toBe(true)
  return replies.take(inodeOf(from), placeholder, false)
}

/** Turns the event loop until there is an event. Bounded by the time limit of the test. */
async function event(from = fd): Promise<string> {
  for (;;) {
    const found = receive(from)
    if (found !== undefined) return Buffer.from(found).toString('latin1')
    await new Promise(setImmediate)
  }
}

/** Settles when a vnet has no connection any more. */
async function left(fake: FakeVnet): Promise<void> {
  while (fake.connections > 0) {
    await new Promise(setImmediate)
  }
}

describe('a member of the group of vnet_nl', () => {
  test('a member of the group receives the events of each vnet, once', async () => {
    const all = [vnet(), vnet()]
    enter()
    await results(1)
    enter()
    expect(program.results).toEqual([0, 0])
    for (const [i, fake] of all.entries()) {
      await fake.hears(SUBSCRIBE)
      fake.event(builder => builder.string(2, `event ${i}`))
      expect(await event()).toContain(`event ${i}`)
      expect(receive()).toBeUndefined()
    }
  })

  test('a member has joined when each vnet has replied or ended', async () => {
    const [first, second] = [vnet(), vnet()]
    enter()
    expect(program.results).toEqual([])
    await Promise.all([first.hears(SUBSCRIBE), second.hears(SUBSCRIBE)])
    await results(1)
    first.event(builder => builder.string(2, 'at once'))
    expect(await event()).toContain('at once')
    second[Symbol.dispose]()
    first[Symbol.dispose]()
    setsockopt(ADD_MEMBERSHIP, VNET_MCGRP_EVENTS, program.socket())
    await results(2)
    expect(program.results[0]).toBe(0)
  })

  test('a member receives the events of a vnet that starts later', async () => {
    const first = vnet()
    enter()
    await first.hears(SUBSCRIBE)
    const later = vnet()
    setsockopt(ADD_MEMBERSHIP, VNET_MCGRP_EVENTS, program.socket())
    await later.hears(SUBSCRIBE, 2)
    later.event(builder => builder.string(2, 'later'))
    expect(await event()).toContain('later')
  })

  test('a member of the group receives nothing of a mark that events were lost', async () => {
    const fake = vnet()
    enter()
    await fake.hears(SUBSCRIBE)
    fake.overrun(builder => builder.string(2, 'behind it'))
    expect(await event()).toContain('behind it')
    expect(receive()).toBeUndefined()
  })

  test('a member of the group receives no events after it has left', async () => {
    const fake = vnet()
    enter()
    await results(1)
    leave()
    leave()
    expect(program.results).toEqual([0, 0, 0])
    await left(fake)
  })

  test('a member of the group is forgotten at the next event once its socket is closed', async () => {
    const fake = vnet()
    enter()
    await fake.hears(SUBSCRIBE)
    program.close(fd)
    fake.event(builder => builder.string(2, 'unread'))
    await left(fake)
  })

  test('a member of the group is forgotten when another socket joins once its own is closed', async () => {
    const fake = vnet()
    enter()
    await fake.hears(SUBSCRIBE)
    program.close(fd)
    // Gets the number of the closed one.
    const other = program.socket()
    const member = program.socket()
    setsockopt(ADD_MEMBERSHIP, VNET_MCGRP_EVENTS, member)
    await fake.hears(SUBSCRIBE, 2)
    while (fake.connections > 1) {
      await new Promise(setImmediate)
    }
    fake.event(builder => builder.string(2, 'for one'))
    expect(await event(member)).toContain('for one')
    expect(receive(other)).toBeUndefined()
  })

  test('membership is refused to a program that is not root’s', () => {
    vnet()
    requester = { uid: 65534, gid: 65534 }
    enter()
    requester = undefined
    vi.mocked(process.geteuid as () => number).mockReturnValue(1000)
    enter()
    expect(program.results).toEqual([-EPERM, -EPERM])
  })
})

describe('the kernel runs setsockopt(2)', () => {
  test.each<[string, () => void]>([
    ['for another group', () => setsockopt(ADD_MEMBERSHIP, 1)],
    ['for another option', () => setsockopt(10, VNET_MCGRP_EVENTS)],
    ['at another level', () => setsockopt(ADD_MEMBERSHIP, VNET_MCGRP_EVENTS, fd, 1)],
    ['with a short value', () => setsockopt(ADD_MEMBERSHIP, VNET_MCGRP_EVENTS, fd, SOL_NETLINK, 3)],
    [
      'on a socket of another protocol',
      () => setsockopt(ADD_MEMBERSHIP, VNET_MCGRP_EVENTS, program.socket(NETLINK_ROUTE)),
    ],
    ['on no descriptor', () => setsockopt(ADD_MEMBERSHIP, VNET_MCGRP_EVENTS, -1)],
  ])('%s', (_, set) => {
    vnet()
    set()
    expect(program.results).toEqual([undefined])
  })

  test('the kernel runs setsockopt(2) where no vnet runs', () => {
    enter()
    expect(program.results).toEqual([undefined])
  })

  test('the kernel runs setsockopt(2) of a thread that no longer waits', () => {
    vnet()
    program.isWaiting = false
    enter()
    expect(program.results).toEqual([undefined])
  })
})

describe('a SUBSCRIBE', () => {
  /** Sends one to the first vnet. Settles with its result. */
  function subscribe(wanted: Wanted): Promise<number> {
    const [vnet] = vnets.serving(program.netns)
    if (vnet === undefined) throw new Error('no vnet')
    const where = subscriptions.where(program.call(fd), fd, program.netns)
    if (where === undefined) throw new Error('no socket')
    const seq = conversations.nextSeq()
    const builder = new MessageBuilder().message(VNET_GENL_ID, NLM_F_REQUEST | NLM_F_ACK, seq)
    const octets = builder.payload(genlmsghdr(SUBSCRIBE, 1)).u32(EVENTS, wanted.events ?? 1).bytes
    expect(subscribes(octets)).toEqual({ events: wanted.events ?? 1 })
    return new Promise(onEnd => {
      const request = { vnet, requester, octets, seqs: [seq], onMessage: () => true, onEnd }
      subscriptions.subscribe(request, where, wanted)
    })
  }

  test('a SUBSCRIBE is sent to each vnet with the wanted events', async () => {
    const all = [vnet(), vnet()]
    expect(await subscribe({ events: 6 })).toBe(0)
    for (const fake of all) {
      await fake.hears(SUBSCRIBE)
      expect(fake.asked[0]?.attributes[EVENTS]).toEqual(int32(6))
      fake.event(builder => builder.string(2, 'an event'))
      expect(await event()).toContain('an event')
    }
  })

  test('a SUBSCRIBE replaces the previous one of its socket, and ends with one for no events', async () => {
    const fake = vnet()
    await subscribe({ events: 6 })
    await subscribe({ events: 2 })
    while (fake.connections > 1) {
      await new Promise(setImmediate)
    }
    fake.event(builder => builder.string(2, 'once'))
    expect(await event()).toContain('once')
    expect(receive()).toBeUndefined()
    expect(await subscribe({ events: 0 })).toBe(0)
    await left(fake)
  })

  test('a SUBSCRIBE reaches a vnet that starts later, and is not sent again to the others', async () => {
    const fake = vnet()
    await subscribe({ events: 6 })
    const later = vnet()
    enter()
    await Promise.all([fake.hears(SUBSCRIBE, 2), later.hears(SUBSCRIBE, 2)])
    // The group wants the default.
    const wanted = ({ asked }: FakeVnet) => asked.map(({ attributes }) => attributes[EVENTS])
    expect(wanted(fake)).toEqual([int32(6), undefined])
    expect(wanted(later)).toEqual(expect.arrayContaining([int32(6), undefined]))
  })

  test('a malformed datagram is not a SUBSCRIBE', () => {
    const { bytes } = new MessageBuilder()
      .message(VNET_GENL_ID, NLM_F_REQUEST, 1)
      .payload(genlmsghdr(SUBSCRIBE, 1))
    expect([subscribes(bytes.subarray(0, 19)), getU16(bytes, 4)]).toEqual([undefined, VNET_GENL_ID])
  })
})
