/**
 * A datagram of a program relayed to a vnet: how replies are delivered, with a vnet and a socket of
 * the test.
 */
import { expect, test } from 'vitest'
import type { Entry } from '../../src/control/protocol/directory.ts'
import { VNET_GENL_ID } from '../../src/control/protocol/family.ts'
import type { Request } from '../../src/exec/conversations.ts'
import { Relay, type Sent } from '../../src/exec/relay.ts'
import { subscribes } from '../../src/exec/subscriptions.ts'
import { ENOBUFS } from '../../src/netdev/errno.ts'
import {
  genlmsghdr,
  MessageBuilder,
  NLM_F_DUMP,
  NLM_F_MULTI,
  NLM_F_REQUEST,
  writeDone,
} from '../../src/netlink/index.ts'

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
    ask({ onMessage, onEnd }: Request) {
      for (let i = 0; i < parts; i++) {
        const part = new MessageBuilder().message(VNET_GENL_ID, NLM_F_MULTI, 9).payload(genlmsghdr(1, 1))
        onMessage(part.binary(1, new Uint8Array(PART_BYTES)).bytes)
      }
      const done = new MessageBuilder()
      writeDone(done, 9, 0, { error: 0 })
      expect(onMessage(done.bytes)).toBe(true)
      onEnd(0)
    },
  }
  const supervision = { conversations, requesterOf: () => undefined, listener: { isWaiting: () => true } }
  const replies = {
    put(_socket: unknown, _pid: number, datagrams: readonly Uint8Array[]) {
      bytes = datagrams.reduce((sum, { length }) => sum + length, 0)
      return 0
    },
  }
  const relay = new Relay(supervision as never, replies as never, {} as never)
  const octets = new MessageBuilder()
    .message(VNET_GENL_ID, NLM_F_REQUEST | NLM_F_DUMP, 1)
    .payload(genlmsghdr(1, 1)).bytes
  const sent: Sent = {
    notification: { pid: 1 } as never,
    socket: { fd: 3, port: 5, netns: 1, inode: 1 },
    octets,
    to: 'driver',
  }
  relay.send({} as Entry, sent, value => {
    result = value
  })
  return { result, bytes, length: octets.length }
}

test('no request is made for a program that no longer waits when its rights are known', () => {
  let asked = 0
  const listener = { isWaiting: () => false }
  const supervision = { conversations: { ask: () => asked++ }, requesterOf: () => undefined, listener }
  const relay = new Relay(supervision as never, {} as never, {} as never)
  const results: (number | undefined)[] = []
  relay.send({} as Entry, { notification: { pid: 1 }, to: 'driver' } as Sent, value => void results.push(value))
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
  const request = new MessageBuilder().message(VNET_GENL_ID, NLM_F_REQUEST, 1).payload(genlmsghdr(10, 1))
  const { bytes } = request.string(2, 'sn0').string(3, 'red').u32(29, 6).u64(30, 5n)
  expect(subscribes(bytes)).toEqual({ ifname: 'sn0', netns: 'red', events: 6, dropThreshold: 5 })
})
