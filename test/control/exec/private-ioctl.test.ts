/** When a private ioctl is asked of its vnet, what goes to it and back, and when nothing is asked and nothing written. */
import { expect, test } from 'vitest'
import type { Request } from '../../../src/control/exec/conversations.ts'
import { PrivateIoctls } from '../../../src/control/exec/private-ioctl.ts'
import type { Supervision } from '../../../src/control/exec/supervisor.ts'
import type { Driver } from '../../../src/control/exec/vnets.ts'
import {
  ioctlRequest,
  VNET_ATTR_IOCTL_DATA,
  VNET_ATTR_IOCTL_DATA_OFFSET,
  VNET_ATTR_IOCTL_IFREQ,
  VNET_ATTR_IOCTL_RESULT,
  VNET_GENL_ID,
} from '../../../src/control/family.ts'
import { ECONNREFUSED, EIO, ENODEV, EPERM } from '../../../src/core/errno.ts'
import { SIOCDEVPRIVATE, SIOCGIFMAP } from '../../../src/core/sockios.ts'
import { Notification } from '../../../src/kernel/seccomp.ts'
import {
  decodeAttributes,
  genlmsghdr,
  MessageBuilder,
  messages,
  NLMSG_ERROR,
  parseGenl,
} from '../../../src/netlink/index.ts'

/** Where ifr_data points to, and how much is readable there. */
const DATA = 0x5000
const READABLE = 300

/** A program's ioctl on `vnet0`, and all that came of it. `waits` says before each use whether the program still waits. */
function called({
  waits = [true, true],
  asker,
  cmd = SIOCDEVPRIVATE,
}: {
  waits?: boolean[]
  asker?: null
  cmd?: number
}) {
  const requests: (Request & { readonly octets: Uint8Array })[] = []
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
      inMemoryOf: (_pid: number, isStill: () => boolean, fn: () => number) => (isStill() ? fn() : undefined),
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
          : { vnet: {}, device: { ifindex: 3, name: 'vnet0', inode: 1 } }) as unknown as Driver | undefined,
      forget: () => done.push('forget'),
      gone: () => done.push('gone'),
    },
    conversations: {
      nextSeq: () => 77,
      ask: (request: Request) => requests.push({ ...request, octets: request.octets.slice() }),
    },
    askerOf: () => asker,
  }
  const notification = new Notification()
  new DataView(notification.bytes.buffer).setBigUint64(32 + 8, BigInt(cmd), true)
  new PrivateIoctls(supervision as unknown as Supervision).handle(notification)
  return { requests, done }
}

/** A message that answers a request, as the vnet writes it. */
function answer({ onMessage, onEnd }: Request, write: (builder: MessageBuilder, seq: number) => void): void {
  const builder = new MessageBuilder()
  write(builder, 77)
  if (onMessage(builder.bytes)) onEnd(0)
}

const changed = (builder: MessageBuilder, seq: number) =>
  builder
    .message(VNET_GENL_ID, 0, seq)
    .payload(genlmsghdr(9, 1))
    .s32(VNET_ATTR_IOCTL_RESULT, 3)
    .binary(VNET_ATTR_IOCTL_IFREQ, new Uint8Array(40).fill(1))

/** The same, of which `length` bytes at `offset` of the data were written. */
const wrote = (offset: number, length: number) => (builder: MessageBuilder, seq: number) =>
  void changed(builder, seq)
    .binary(VNET_ATTR_IOCTL_DATA, new Uint8Array(length))
    .u32(VNET_ATTR_IOCTL_DATA_OFFSET, offset)

const refusal = (result: number) => (builder: MessageBuilder, seq: number) => {
  const error = new Uint8Array(20)
  new DataView(error.buffer).setInt32(0, result, true)
  builder.message(NLMSG_ERROR, 0, seq).payload(error)
}

const READ = `read 16384 at ${DATA}`

test('as much as is readable of what ifr_data points to goes to the vnet, and nothing for a map', () => {
  const sent = ({ octets }: Request) => {
    const { offset, length } = parseGenl(octets, [...messages(octets)][0]!)
    return decodeAttributes(ioctlRequest, octets, offset, length).ioctlData
  }
  expect(sent(called({}).requests[0]!)).toEqual(new Uint8Array(READABLE).fill(5))
  const map = called({ cmd: SIOCGIFMAP })
  expect([sent(map.requests[0]!), map.done]).toEqual([undefined, []])
})

test('only what the driver wrote is written, before the call is answered', () => {
  const { requests, done } = called({})
  answer(requests[0]!, wrote(100, 8))
  expect(done).toEqual([READ, `write 8 at ${DATA + 100}`, 'write 40 at 0', 'answer 3'])
})

test('nothing is written outside of what was sent', () => {
  for (const [offset, length] of [
    [READABLE - 7, 8],
    [0xffff_ffff, 1],
  ] as const) {
    const { requests, done } = called({})
    answer(requests[0]!, wrote(offset, length))
    expect(done).toEqual([READ, `answer ${-EIO}`])
  }
})

test('nothing is written to a process that waits no more', () => {
  const { requests, done } = called({ waits: [true, false] })
  answer(requests[0]!, wrote(0, 8))
  expect(done).toEqual([READ, 'answer -14'])
})

test('nothing is asked for a process that is gone when its rights are known, nor when they cannot be known', () => {
  expect(called({ waits: [false] })).toEqual({ requests: [], done: [READ, 'proceed'] })
  expect(called({ asker: null })).toEqual({ requests: [], done: [READ, 'proceed'] })
})

test('a device that is there no more, or its vnet, is left to the kernel, and the files are read again', () => {
  const gone = called({})
  answer(gone.requests[0]!, refusal(-ENODEV))
  const refused = called({})
  refused.requests[0]!.onEnd(-ECONNREFUSED)
  expect([gone.done, refused.done]).toEqual([
    [READ, 'forget', 'proceed'],
    [READ, 'gone', 'proceed'],
  ])
})

test('what the vnet refuses is the error of the call', () => {
  const { requests, done } = called({})
  answer(requests[0]!, refusal(-EPERM))
  expect(done).toEqual([READ, 'answer -1'])
})
