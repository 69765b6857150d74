/**
 * A datagram of a program relayed to a vnet: how replies are delivered, with a vnet and a socket of
 * the test.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ECONNREFUSED, ENOBUFS, EPERM } from '#src/base/errno.ts'
import { VNET_GENL_ID } from '#src/control/protocol/family.ts'
import type { Entry } from '#src/control/sockets/directory.ts'
import * as netlink from '#src/netlink/index.ts'
import type { SentRequest } from '../src/conversations.ts'
import { relayOf, type Sent } from '../src/relay.ts'
import { subscribes } from '../src/subscriptions.ts'
import { SupervisedProgram } from './support/supervised-program.ts'

const PART_BYTES = 60_000

/**
 * Relays a dump to a vnet that replies with a number of parts. Returns the result and the bytes
 * written to the socket.
 */
function relayed(parts: number): { result: number | undefined; bytes: number; length: number } {
  let bytes = 0
  let result: number | undefined
  const conversations = {
    nextSeq: () => 9,
    ask({ onMessage, onEnd }: SentRequest) {
      for (let i = 0; i < parts; i++) {
        const part = new netlink.MessageBuilder()
          .message(VNET_GENL_ID, netlink.NLM_F_MULTI, 9)
          .payload(netlink.genlmsghdr(1, 1))
        onMessage(part.binary(1, new Uint8Array(PART_BYTES)).bytes)
      }
      const done = new netlink.MessageBuilder()
      netlink.writeDone(done, 9, 0, { error: 0 })
      expect(onMessage(done.bytes)).toBe(true)
      onEnd(0)
    },
  }
  const supervision = {
    conversations,
    requesterOf: () => undefined,
    listener: { isWaiting: () => true },
  }
  const replies = {
    put(_socket: unknown, _pid: number, datagrams: readonly Uint8Array[]) {
      bytes = datagrams.reduce((sum, { length }) => sum + length, 0)
      return 0
    },
  }
  const relay = relayOf(supervision as never, replies as never, {} as never)
  const octets = new netlink.MessageBuilder()
    .message(VNET_GENL_ID, netlink.NLM_F_REQUEST | netlink.NLM_F_DUMP, 1)
    .payload(netlink.genlmsghdr(1, 1)).bytes
  const sent: Sent = {
    notification: { pid: 1 } as never,
    socket: { fd: 3, port: 5, netns: 1, inode: 1 },
    octets,
    to: 'driver',
  }
  relay({} as Entry, sent, value => {
    result = value
  })
  return { result, bytes, length: octets.length }
}

test('no request is made for a program that no longer waits when its rights are known', () => {
  let asked = 0
  const listener = { isWaiting: () => false }
  const supervision = {
    conversations: { ask: () => asked++ },
    requesterOf: () => undefined,
    listener,
  }
  const relay = relayOf(supervision as never, {} as never, {} as never)
  const results: (number | undefined)[] = []
  relay(
    {} as Entry,
    { notification: { pid: 1 }, to: 'driver' } as Sent,
    value => void results.push(value),
  )
  expect([asked, results]).toEqual([0, [undefined]])
})

test('a reply of up to 1 MiB is queued, and the call returns the whole length', () => {
  const { result, bytes, length } = relayed(17)
  expect(bytes).toBeGreaterThan(17 * PART_BYTES)
  expect(result).toBe(length)
})

test('a reply of more than 1 MiB is ENOBUFS, and no part of it is queued', () => {
  expect(relayed(18)).toMatchObject({ result: -ENOBUFS, bytes: 0 })
})

test('a SUBSCRIBE keeps its interface, events and threshold when it is sent to further vnets', () => {
  const request = new netlink.MessageBuilder()
    .message(VNET_GENL_ID, netlink.NLM_F_REQUEST, 1)
    .payload(netlink.genlmsghdr(10, 1))
  const { bytes } = request.string(2, 'sn0').string(3, 'red').u32(29, 6).u64(30, 5n)
  expect(subscribes(bytes)).toEqual({ ifname: 'sn0', netns: 'red', events: 6, dropThreshold: 5 })
})

describe('a dump of all families', () => {
  let program: SupervisedProgram
  beforeEach(() => {
    program = new SupervisedProgram()
  })
  afterEach(() => program[Symbol.dispose]())

  /**
   * Relays it to a vnet that sends its family and then ends with `result`. Returns the results of
   * the call, the datagrams that were queued, and the vnets that were found gone.
   */
  function dumped({ result = 0, hasRoom = true, netns = program.netns }) {
    const octets = new netlink.MessageBuilder()
      .message(netlink.GENL_ID_CTRL, netlink.NLM_F_REQUEST | netlink.NLM_F_DUMP, 5)
      .payload(netlink.genlmsghdr(netlink.CTRL_CMD_GETFAMILY, 1))
      .bytes.slice()
    const conversations = {
      nextSeq: () => 9,
      ask({ onMessage, onEnd }: SentRequest) {
        const family = new netlink.MessageBuilder()
          .message(netlink.GENL_ID_CTRL, 0, 9)
          .payload(netlink.genlmsghdr(1, 1))
          .string(2, 'vnet_nl')
        if (result === 0) {
          onMessage(family.bytes)
        }
        onEnd(result)
      },
    }
    const queued: Uint8Array[] = []
    const gone: Entry[] = []
    const replies = {
      hasRoom: () => hasRoom,
      put: (...[, , all]: [0, 0, Uint8Array[]]) => queued.push(...all) * 0,
    }
    const vnets = { gone: (vnet: Entry) => gone.push(vnet) }
    const relay = relayOf(
      program.supervision({ conversations, vnets } as never),
      replies as never,
      {} as never,
    )
    const socket = { fd: 3, port: 77, netns, inode: 1 }
    const results: (number | undefined)[] = []
    const vnet = { vnet: 'one' } as Entry
    relay(
      vnet,
      { notification: program.call(), socket, octets, to: 'both' },
      value => void results.push(value),
    )
    return { results, queued, gone, vnet, length: octets.length }
  }

  test('a dump of all families has the kernel’s families and vnet_nl, for the port of the program', () => {
    const { results, queued, length } = dumped({})
    expect(results).toEqual([length])
    const all = queued.flatMap(datagram => [...netlink.messages(datagram)])
    expect(
      all.every(
        ({ seq, portid, flags }) =>
          seq === 5 && portid === 77 && (flags & netlink.NLM_F_MULTI) !== 0,
      ),
    ).toBe(true)
    for (const name of ['nlctrl\0', 'vnet_nl\0']) {
      expect(Buffer.concat(queued).includes(name)).toBe(true)
    }
    expect(all.at(-1)?.type).toBe(netlink.NLMSG_DONE)
  })

  test('a dump is left to the kernel if it has another namespace or no room, or if the vnet refuses', () => {
    for (const change of [{ netns: 1 }, { hasRoom: false }, { result: -EPERM }]) {
      const { results, queued } = dumped(change)
      expect([results, queued]).toEqual([[undefined], []])
    }
  })

  test('a dump goes to the next vnet if this one has ended, which is not found again', () => {
    const { results, gone, vnet } = dumped({ result: -ECONNREFUSED })
    expect([results, gone]).toEqual([[-ECONNREFUSED], [vnet]])
  })
})

test('a SUBSCRIBE of a program is the subscription of its socket', () => {
  using program = new SupervisedProgram()
  const subscribed: unknown[] = []
  const subscriptions = {
    where: (_: unknown, fd: number, netns: number) => ({ fd, netns }),
    subscribe: ({ onEnd }: SentRequest, where: unknown, wanted: unknown) => {
      subscribed.push(where, wanted)
      onEnd(0)
    },
  }
  const conversations = { nextSeq: () => 9 }
  const replies = { put: () => 0 }
  const relay = relayOf(
    program.supervision({ conversations } as never),
    replies as never,
    subscriptions as never,
  )
  const octets = new netlink.MessageBuilder()
    .message(VNET_GENL_ID, netlink.NLM_F_REQUEST, 1)
    .payload(netlink.genlmsghdr(10, 1))
    .u32(29, 6).bytes
  const socket = { fd: 3, port: 5, netns: 4, inode: 1 }
  const results: (number | undefined)[] = []
  const sent: Sent = { notification: program.call(), socket, octets, to: 'driver' }
  relay({} as Entry, sent, value => void results.push(value))
  expect([subscribed, results]).toEqual([[{ fd: 3, netns: 4 }, { events: 6 }], [octets.length]])
})
