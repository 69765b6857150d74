/**
 * When a private ioctl is sent to its vnet, the data sent and returned, and when nothing is sent
 * and nothing written.
 */
import { expect, test } from 'vitest'
import { ECONNREFUSED, EIO, ENODEV, EPERM } from '#src/base/errno.ts'
import { commands, VNET_GENL_ID, vnetAttributes } from '#src/control/protocol/family.ts'
import { SIOCDEVPRIVATE, SIOCGIFMAP } from '#src/netdev/if.ts'
import * as netlink from '#src/netlink/index.ts'
import type { SentRequest } from '../src/conversations.ts'
import { privateIoctls } from '../src/private-ioctl.ts'
import { Notification } from '../src/seccomp.ts'
import type { Supervision } from '../src/supervision.ts'
import type { RemoteDevice } from '../src/vnets.ts'

/** The address in ifr_data, and the number of readable bytes there. */
const DATA = 0x5000
const READABLE = 300

/**
 * An ioctl of a program on `vnet0`, and its results. `waits` returns before each use whether the
 * program still waits.
 */
function called({
  waits = [true, true],
  requester,
  cmd = SIOCDEVPRIVATE,
}: {
  waits?: boolean[]
  requester?: null
  cmd?: number
}) {
  const requests: (SentRequest & { readonly octets: Uint8Array })[] = []
  const done: string[] = []
  const left = [...waits]
  const supervision = {
    native: {
      processVmReadv(_pid: number, address: bigint, into: Uint8Array) {
        done.push(`read ${into.length} at ${address}`)
        into.fill(5, 0, READABLE)
        return READABLE
      },
    },
    listener: {
      isWaiting: () => left.shift() ?? true,
      answer: (_: Notification, result: number) => done.push(`answer ${result}`),
      proceed: () => done.push('proceed'),
    },
    processes: {
      read: (_pid: number, _address: bigint, into: Uint8Array) => {
        into.set(new TextEncoder().encode('vnet0'))
        new DataView(into.buffer).setBigUint64(16, BigInt(DATA), true)
        return 0
      },
      inMemoryOf: (_pid: number, isStill: () => boolean, fn: () => number) =>
        isStill() ? fn() : undefined,
      write: (address: bigint, from: Uint8Array) => {
        done.push(`write ${from.length} at ${address}`)
        return 0
      },
      withDescriptor: () => 1,
    },
    vnets: {
      named: () =>
        (done.includes('gone')
          ? undefined
          : { vnet: {}, device: { ifindex: 3, name: 'vnet0', inode: 1 } }) as unknown as
          | RemoteDevice
          | undefined,
      forget: () => done.push('forget'),
      gone: () => done.push('gone'),
    },
    conversations: {
      nextSeq: () => 77,
      ask: (request: SentRequest) => requests.push({ ...request, octets: request.octets.slice() }),
    },
    requesterOf: () => requester,
  }
  const notification = new Notification()
  new DataView(notification.bytes.buffer).setBigUint64(32 + 8, BigInt(cmd), true)
  privateIoctls(supervision as unknown as Supervision)(notification)
  return { requests, done }
}

/** A reply to a request, as the vnet writes it. */
function answer(
  { onMessage, onEnd }: SentRequest,
  write: (builder: netlink.MessageBuilder, seq: number) => void,
): void {
  const builder = new netlink.MessageBuilder()
  write(builder, 77)
  if (onMessage(builder.bytes)) {
    onEnd(0)
  }
}

const changed = (builder: netlink.MessageBuilder, seq: number) =>
  builder
    .message(VNET_GENL_ID, 0, seq)
    .payload(netlink.genlmsghdr(9, 1))
    .s32(vnetAttributes.ioctlResult.type, 3)
    .binary(vnetAttributes.ioctlIfreq.type, new Uint8Array(40).fill(1))

/** A reply after which the driver has written the first `length` bytes of the data. */
const wrote = (length: number) => (builder: netlink.MessageBuilder, seq: number) =>
  void changed(builder, seq).binary(vnetAttributes.ioctlData.type, new Uint8Array(length))

const refusal = (result: number) => (builder: netlink.MessageBuilder, seq: number) => {
  const error = new Uint8Array(20)
  new DataView(error.buffer).setInt32(0, result, true)
  builder.message(netlink.NLMSG_ERROR, 0, seq).payload(error)
}

const READ = `read 16384 at ${DATA}`

test('the readable part of the memory at ifr_data is sent to the vnet, and nothing for a map', () => {
  const sent = ({ octets }: SentRequest) => {
    const { offset, length } = netlink.parseGenl(octets, [...netlink.messages(octets)][0]!)
    return netlink.decodeAttributes(commands.ioctl.request, octets, offset, length).data
  }
  expect(sent(called({}).requests[0]!)).toEqual(new Uint8Array(READABLE).fill(5))
  const map = called({ cmd: SIOCGIFMAP })
  expect([sent(map.requests[0]!), map.done]).toEqual([undefined, []])
})

test('only the bytes that the driver wrote are written, before the call returns', () => {
  const { requests, done } = called({})
  answer(requests[0]!, wrote(8))
  expect(done).toEqual([READ, `write 8 at ${DATA}`, 'write 40 at 0', 'answer 3'])
})

test('nothing is written outside the range that was sent', () => {
  const { requests, done } = called({})
  answer(requests[0]!, wrote(READABLE + 1))
  expect(done).toEqual([READ, `answer ${-EIO}`])
})

test('nothing is written to a process that no longer waits', () => {
  const { requests, done } = called({ waits: [true, false] })
  answer(requests[0]!, wrote(8))
  expect(done).toEqual([READ, 'answer -14'])
})

test('no request is made for a process that has ended, or whose rights are unknown', () => {
  expect(called({ waits: [false] })).toEqual({ requests: [], done: [READ, 'proceed'] })
  expect(called({ requester: null })).toEqual({ requests: [], done: [READ, 'proceed'] })
})

test('a call for a deleted device or vnet is left to the kernel, and the files are read again', () => {
  const gone = called({})
  answer(gone.requests[0]!, refusal(-ENODEV))
  const refused = called({})
  refused.requests[0]!.onEnd(-ECONNREFUSED)
  expect([gone.done, refused.done]).toEqual([
    [READ, 'forget', 'proceed'],
    [READ, 'gone', 'proceed'],
  ])
})

test('the error of the vnet is the error of the call', () => {
  const { requests, done } = called({})
  answer(requests[0]!, refusal(-EPERM))
  expect(done).toEqual([READ, 'answer -1'])
})
