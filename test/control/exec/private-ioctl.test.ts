/** When a private ioctl is asked of its driver, and when nobody is asked and nothing written: what ends meanwhile. */
import { expect, test } from 'vitest'
import type { Question } from '../../../src/control/exec/driver-socket.ts'
import type { Driver } from '../../../src/control/exec/drivers.ts'
import { PrivateIoctls } from '../../../src/control/exec/private-ioctl.ts'
import type { Supervision } from '../../../src/control/exec/supervisor.ts'
import {
  ioctlRequest,
  VNET_ATTR_IOCTL_IFREQ,
  VNET_ATTR_IOCTL_RESULT,
  VNET_GENL_ID,
} from '../../../src/control/family.ts'
import { ECONNREFUSED, ENODEV, EPERM } from '../../../src/core/errno.ts'
import { Notification } from '../../../src/kernel/seccomp.ts'
import {
  decodeAttributes,
  genlmsghdr,
  MessageBuilder,
  messages,
  NLMSG_ERROR,
  parseGenl,
} from '../../../src/netlink/index.ts'

const SECOND = 1e9

/** A program's ioctl on `vnet0`, and all that came of it. `waits` says before each use whether the program still waits. */
function called({ waits = [true, true], asker }: { waits?: boolean[]; asker?: null }) {
  const questions: Question[] = []
  const done: string[] = []
  const left = [...waits]
  const supervision = {
    native: { monotonic: () => 7 * SECOND },
    listener: {
      isWaiting: () => left.shift() ?? true,
      answer: (_: Notification, result: number) => done.push(`answer ${result}`),
      proceed: () => done.push('proceed'),
    },
    processes: {
      read: (_pid: number, _address: bigint, into: Uint8Array) => {
        into.set(new TextEncoder().encode('vnet0'))
        return 0
      },
      write: () => {
        done.push('write')
        return 0
      },
      withDescriptor: () => 1,
    },
    drivers: {
      known: () => ({ port: 5, family: VNET_GENL_ID, device: { ifindex: 3, name: 'vnet0' } }) as unknown as Driver,
      forget: () => done.push('forget'),
    },
    sockets: { ask: (_: unknown, question: Question) => questions.push(question) },
    askerOf: () => asker,
  }
  new PrivateIoctls(supervision as unknown as Supervision).handle(new Notification())
  return { questions, done }
}

/** A datagram that answers a question, as the driver writes it. */
function answer({ octets, onDatagram, onEnd }: Question, write: (builder: MessageBuilder, seq: number) => void): void {
  const [question] = [...messages(octets)]
  const builder = new MessageBuilder()
  write(builder, question!.seq)
  if (onDatagram(builder.bytes, builder.bytes.length)) onEnd(0)
}

const changed = (builder: MessageBuilder, seq: number) =>
  void builder
    .message(VNET_GENL_ID, 0, seq)
    .payload(genlmsghdr(9, 1))
    .s32(VNET_ATTR_IOCTL_RESULT, 3)
    .binary(VNET_ATTR_IOCTL_IFREQ, new Uint8Array(40).fill(1))

const refusal = (result: number) => (builder: MessageBuilder, seq: number) => {
  const error = new Uint8Array(20)
  new DataView(error.buffer).setInt32(0, result, true)
  builder.message(NLMSG_ERROR, 0, seq).payload(error)
}

test('what a driver changed is written before the call is answered', () => {
  const { questions, done } = called({})
  answer(questions[0]!, changed)
  expect(done).toEqual(['write', 'answer 3'])
})

test('nothing is written to a process that waits no more', () => {
  const { questions, done } = called({ waits: [true, false] })
  answer(questions[0]!, changed)
  expect(done).toEqual(['answer 3'])
})

test('nobody is asked for a process that is gone when its rights are known, nor when they cannot be known', () => {
  expect(called({ waits: [false] })).toEqual({ questions: [], done: ['proceed'] })
  expect(called({ asker: null })).toEqual({ questions: [], done: ['proceed'] })
})

test('an answer to another question is passed over', () => {
  const { questions, done } = called({})
  answer(questions[0]!, (builder, seq) => changed(builder, seq + 1))
  expect(done).toEqual([])
})

test('a device that is there no more, or its driver, is the kernel’s to answer for, and is looked for anew', () => {
  const gone = called({})
  answer(gone.questions[0]!, refusal(-ENODEV))
  const refused = called({})
  refused.questions[0]!.onEnd(-ECONNREFUSED)
  for (const { done } of [gone, refused]) expect(done).toEqual(['forget', 'proceed'])
})

test('what the vnet refuses is the call’s error, and nobody is looked for anew', () => {
  const { questions, done } = called({})
  answer(questions[0]!, refusal(-EPERM))
  expect(done).toEqual(['answer -1'])
})

test('a driver may begin until a second before we give up', () => {
  const { octets } = called({}).questions[0]!
  const [message] = [...messages(octets)]
  const { offset, length } = parseGenl(octets, message!)
  expect(decodeAttributes(ioctlRequest, octets, offset, length)).toMatchObject({ ioctlDeadline: BigInt(11 * SECOND) })
})
