/** Datagrams to a program's generic netlink sockets, received by each of the receiving calls. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EAGAIN, EFAULT, EINVAL, ENOBUFS } from '#src/base/errno.ts'
import { MSG_DONTWAIT, MSG_TRUNC, NETLINK_ROUTE, sockaddrNl } from '#src/linux/uapi.ts'
import { MessageBuilder, NLM_F_ACK, NLM_F_REQUEST } from '#src/netlink/index.ts'
import { inodeOf } from '../src/program-socket.ts'
import { Reception } from '../src/reception.ts'
import { Replies } from '../src/replies.ts'
import { SupervisedProgram } from './support/supervised-program.ts'

const MSG_PEEK = 2
const MSG_WAITFORONE = 0x10000
const RWF_NOWAIT = 8
const NOWHERE = 16n
const MMSGHDR_LEN = 64
/** Offsets in struct msghdr, and in struct mmsghdr the length of the message. */
const [NAMELEN_AT, FLAGS_AT, LENGTH_AT] = [8n, 48n, 56n]
const reply = Uint8Array.from({ length: 20 }, (_, i) => i + 1)

let program: SupervisedProgram
let replies: Replies
let reception: Reception
let fd: number

beforeEach(() => {
  program = new SupervisedProgram()
  replies = new Replies(program.native)
  reception = new Reception(program.supervision(), replies)
  fd = program.socket()
})
afterEach(() => {
  reception.close()
  program[Symbol.dispose]()
})

/** A vnet's replies for the socket. */
function put(...all: Uint8Array[]): void {
  const socket = { fd, port: program.port(fd), netns: program.netns, inode: inodeOf(fd) }
  expect(replies.put(socket, process.pid, all)).toBe(0)
}

/** Returns the address of a struct msghdr for a message of up to `length` bytes, and of that. */
function header(length = 100): { at: bigint; into: bigint; name: bigint } {
  const [into, name] = [program.room(length), program.room(12)]
  const words = [name, 12n, program.iovecs([into, length]), 1n, 0n, 0n, 0n]
  return { at: program.put(BigUint64Array.from(words)), into, name }
}

/** Returns the address of so many struct mmsghdr, and where their messages go. */
function headers(count: number): { at: bigint; into: bigint[] } {
  const into = Array.from({ length: count }, () => program.room(100))
  const vectors = into.map(address => program.iovecs([address, 100]))
  const at = program.put(
    BigUint64Array.from(vectors.flatMap(vector => [0n, 0n, vector, 1n, 0n, 0n, 0n, 0n])),
  )
  return { at, into }
}

describe('a reply is received', () => {
  test('recvmsg(2) returns a whole reply, with the kernel as its sender', () => {
    put(reply)
    const { at, into, name } = header()
    reception.recvmsg(program.call(fd, at, 0))
    expect(program.results).toEqual([reply.length])
    expect(program.at(into, reply.length)).toEqual(reply)
    expect([program.at(name, 12), program.uint32(at + NAMELEN_AT)]).toEqual([sockaddrNl(), 12])
    expect(program.uint32(at + FLAGS_AT)).toBe(0)
  })

  test('a short buffer receives part of a reply with MSG_TRUNC, and the rest is discarded', () => {
    put(reply)
    const { at, into } = header(8)
    reception.recvmsg(program.call(fd, at, 0))
    expect([program.results, program.uint32(at + FLAGS_AT)]).toEqual([[8], MSG_TRUNC])
    expect(program.at(into, 8)).toEqual(reply.slice(0, 8))
    reception.recvmsg(program.call(fd, at, MSG_DONTWAIT))
    expect(program.results).toEqual([8, -EAGAIN])
  })

  test('a reply is received again after MSG_PEEK, which returns the whole length with MSG_TRUNC', () => {
    put(reply)
    const { at } = header(8)
    for (const flags of [MSG_PEEK | MSG_TRUNC, MSG_TRUNC]) {
      reception.recvmsg(program.call(fd, at, flags))
    }
    expect(program.results).toEqual([reply.length, reply.length])
  })

  test('recvfrom(2) returns as much of the sender as there is room for', () => {
    put(reply)
    const [into, name, length] = [
      program.room(100),
      program.room(12),
      program.put(Uint8Array.of(2, 0, 0, 0)),
    ]
    reception.recvfrom(program.call(fd, into, 100, 0, name, length))
    expect(program.results).toEqual([reply.length])
    expect([program.at(name, 4), program.uint32(length)]).toEqual([Uint8Array.of(16, 0, 0, 0), 12])
  })

  test('recvfrom(2) returns a reply without a sender', () => {
    put(reply)
    reception.recvfrom(program.call(fd, program.room(100), 100))
    expect(program.results).toEqual([reply.length])
  })

  test('read(2), readv(2) and preadv2(2) at offset -1 return a reply', () => {
    put(reply, reply, reply)
    const [one, other] = [program.room(5), program.room(100)]
    const vectors = program.iovecs([one, 5], [other, 100])
    reception.read(program.call(fd, other, 100))
    reception.readv(program.call(fd, vectors, 2))
    reception.preadv2(program.call(fd, vectors, 2, -1, 0, RWF_NOWAIT))
    reception.preadv2(program.call(fd, vectors, 2, -1, 0, RWF_NOWAIT))
    expect(program.results).toEqual([reply.length, reply.length, reply.length, -EAGAIN])
    expect([...program.at(one, 5), ...program.at(other, 15)]).toEqual([...reply])
  })

  test('a reply is received among messages from the kernel, which are not changed', () => {
    const unknown = new MessageBuilder().message(0xffff, NLM_F_REQUEST | NLM_F_ACK, 77).bytes
    program.native.sendto(fd, unknown, MSG_DONTWAIT, sockaddrNl())
    put(reply)
    const { at, into } = header()
    reception.recvmsg(program.call(fd, at, 0))
    expect([program.results[0], program.uint32(into + 8n)]).toEqual([36, 77])
    reception.recvmsg(program.call(fd, at, 0))
    expect(program.results[1]).toBe(reply.length)
  })

  test('a call that waited for a reply receives it', async () => {
    const { at, into } = header()
    const returned = program.returned()
    reception.recvmsg(program.call(fd, at, 0))
    expect(program.results).toEqual([])
    put(reply)
    await returned
    expect([program.results, program.at(into, reply.length)]).toEqual([[reply.length], reply])
  })
})

describe('recvmmsg(2) returns', () => {
  test('recvmmsg(2) returns when it has all messages, with their lengths', () => {
    put(reply, reply.slice(4))
    const { at, into } = headers(2)
    reception.recvmmsg(program.call(fd, at, 2, 0, 0))
    expect(program.results).toEqual([2])
    const lengths = into.map((_, i) => program.uint32(at + BigInt(MMSGHDR_LEN * i) + LENGTH_AT))
    expect(lengths).toEqual([20, 16])
    expect(program.at(into[1] as bigint, 16)).toEqual(reply.slice(4))
  })

  test.each([
    ['MSG_WAITFORONE', MSG_WAITFORONE],
    ['MSG_DONTWAIT', MSG_DONTWAIT],
  ])('recvmmsg(2) returns with %s when no more messages wait', (_, flags) => {
    put(reply)
    reception.recvmmsg(program.call(fd, headers(3).at, 3, flags, 0))
    expect(program.results).toEqual([1])
  })

  test('recvmmsg(2) returns EAGAIN without messages, and EFAULT if the first cannot be written', () => {
    reception.recvmmsg(program.call(fd, headers(2).at, 2, MSG_DONTWAIT, 0))
    put(reply)
    reception.recvmmsg(program.call(fd, NOWHERE, 2, MSG_DONTWAIT, 0))
    expect(program.results).toEqual([-EAGAIN, -EFAULT])
  })

  test('the messages before one that has nowhere to go', () => {
    put(reply, reply)
    const { at } = headers(1)
    // The second header: its iovecs are nowhere.
    program.put(BigUint64Array.of(0n, 0n, NOWHERE, 1n, 0n, 0n, 0n, 0n))
    reception.recvmmsg(program.call(fd, at, 2, 0, 0))
    expect(program.results).toEqual([1])
  })

  test('recvmmsg(2) returns after its timeout, which is checked after each message', () => {
    put(reply, reply)
    const noTime = program.room(16)
    reception.recvmmsg(program.call(fd, headers(2).at, 2, 0, noTime))
    expect(program.results).toEqual([1])
  })
})

describe('an error is returned', () => {
  test('EFAULT is returned where the message, its sender or its header cannot be written', () => {
    put(reply, reply, reply)
    const { at } = header()
    const namelessAt = program.put(
      BigUint64Array.of(NOWHERE, 12n, program.iovecs([program.room(9), 9]), 1n, 0n, 0n, 0n),
    )
    reception.read(program.call(fd, NOWHERE, 100))
    reception.recvmsg(program.call(fd, namelessAt, 0))
    reception.recvfrom(program.call(fd, program.room(9), 9, 0, at, NOWHERE))
    expect(program.results).toEqual([-EFAULT, -EFAULT, -EFAULT])
  })

  test('EINVAL is returned for a negative length of the sender', () => {
    put(reply)
    const length = program.put(Uint8Array.of(0xff, 0xff, 0xff, 0xff))
    reception.recvfrom(program.call(fd, program.room(9), 9, 0, program.room(12), length))
    expect(program.results).toEqual([-EINVAL])
  })

  test('ENOBUFS is returned for a reply that was dropped', () => {
    put(reply)
    const taken = new Uint8Array(36)
    program.native.recvmsg(fd, taken, MSG_DONTWAIT | MSG_PEEK, new Int32Array(3))
    replies.take(inodeOf(fd), taken, false)
    reception.read(program.call(fd, program.room(9), 9))
    expect(program.results).toEqual([-ENOBUFS])
  })

  test('EFAULT is returned for a thread with unmapped memory', () => {
    put(reply)
    program.isWaiting = false
    reception.read(program.call(fd, program.room(9), 9))
    expect(program.results).toEqual([-EFAULT])
  })
})

describe('the kernel runs a call', () => {
  test.each<[string, () => void]>([
    [
      'on a socket of another protocol',
      () => reception.read(program.call(program.socket(NETLINK_ROUTE), program.room(9), 9)),
    ],
    ['on no descriptor', () => reception.read(program.call(-1, program.room(9), 9))],
    ['that reads no bytes', () => reception.read(program.call(fd, program.room(9), 0))],
    ['with a header that cannot be read', () => reception.recvmsg(program.call(fd, NOWHERE, 0))],
    ['with iovecs that cannot be read', () => reception.readv(program.call(fd, NOWHERE, 1))],
    ['with too many iovecs', () => reception.readv(program.call(fd, program.room(9), 1025))],
    ['at an offset of a socket', () => reception.preadv2(program.call(fd, program.room(9), 1, 0))],
    ['for no messages', () => reception.recvmmsg(program.call(fd, headers(1).at, 0, 0, 0))],
    [
      'with a timeout that is not one',
      () =>
        reception.recvmmsg(
          program.call(fd, headers(1).at, 1, 0, program.put(new Uint8Array(16).fill(0xff))),
        ),
    ],
  ])('%s', (_, receive) => {
    receive()
    expect(program.results).toEqual([undefined])
  })
})
