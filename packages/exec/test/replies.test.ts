/** Placeholders on real generic netlink sockets, and the replies kept for them. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EAGAIN, ENOBUFS } from '#src/base/errno.ts'
import { ownNamespace } from '#src/control/sockets/directory.ts'
import { check } from '#src/linux/errno.ts'
import { loadNative } from '#src/linux/native.ts'
import * as uapi from '#src/linux/uapi.ts'
import { MessageBuilder, NLM_F_ACK, NLM_F_REQUEST, NLMSG_NOOP } from '#src/netlink/index.ts'
import { inodeOf, portOf } from '../src/program-socket.ts'
import { PLACEHOLDER_LEN, Replies } from '../src/replies.ts'

const native = loadNative()
const netns = ownNamespace('net')
const into = new Uint8Array(64)
let open: Set<number>
let replies: Replies

beforeEach(() => {
  open = new Set()
  replies = new Replies(native)
})
afterEach(() => {
  for (const fd of open) {
    native.close(fd)
  }
})

function socket() {
  const fd = check(
    native.socket(uapi.AF_NETLINK, uapi.SOCK_RAW, uapi.NETLINK_GENERIC, -1),
    'socket',
  )
  open.add(fd)
  check(native.bind(fd, uapi.sockaddrNl()), 'bind')
  return { fd, port: portOf(native, fd), netns, inode: inodeOf(fd) }
}

/** The next datagram in the receive queue, and its length. */
const receive = (fd: number) => native.recvmsg(fd, into, uapi.MSG_DONTWAIT, new Int32Array(3))
const put = (to: ReturnType<typeof socket>, ...all: Uint8Array[]) =>
  replies.put(to, process.pid, all)

test('each reply has a placeholder, keeps its order, and is received once', () => {
  const one = socket()
  const all = [Uint8Array.of(1), Uint8Array.of(2)]
  expect(put(one, ...all)).toBe(0)
  for (const reply of all) {
    expect(receive(one.fd)).toBe(PLACEHOLDER_LEN)
    expect(replies.isPlaceholder(into, PLACEHOLDER_LEN)).toBe(true)
    expect(replies.take(one.inode, into, true)).toBe(reply)
    expect(replies.take(one.inode, into, false)).toBe(reply)
    expect(replies.take(one.inode, into, false)).toBeUndefined()
  }
  expect(receive(one.fd)).toBe(-EAGAIN)
})

test('an acknowledgement of the program’s own NOOP is not a placeholder', () => {
  const { fd } = socket()
  const noop = new MessageBuilder().message(NLMSG_NOOP, NLM_F_REQUEST | NLM_F_ACK, 1).bytes
  check(native.sendto(fd, noop, uapi.MSG_DONTWAIT, uapi.sockaddrNl()), 'sendto')
  expect(receive(fd)).toBe(PLACEHOLDER_LEN)
  expect(replies.isPlaceholder(into, PLACEHOLDER_LEN)).toBe(false)
})

test('a reply without room in the queue, or beyond the bytes for one socket, is ENOBUFS', () => {
  const small = socket()
  native.setsockopt(small.fd, uapi.SOL_SOCKET, uapi.SO_RCVBUF, uapi.int32(2304))
  let count = 0
  while (put(small, new Uint8Array(1)) === 0) {
    count++
  }
  while (receive(small.fd) > 0) {
    count -= replies.take(small.inode, into, false) === undefined ? 0 : 1
  }
  expect(count).toBe(0)
  expect(put(small, new Uint8Array(1))).toBe(0)
  expect(put(socket(), new Uint8Array((1 << 20) + 1))).toBe(-ENOBUFS)
})

test('with many sockets, the replies of closed ones are dropped and those for open ones are kept', () => {
  const [kept, gone] = [socket(), socket()]
  for (const each of [gone, kept]) {
    expect(put(each, Uint8Array.of(9))).toBe(0)
  }
  receive(gone.fd)
  const placeholder = into.slice()
  for (let i = 0; i < 500; i++) {
    const other = i === 0 ? gone : socket()
    if (i > 0) {
      put(other, Uint8Array.of(1))
    }
    native.close(other.fd)
    open.delete(other.fd)
  }
  expect(replies.take(gone.inode, placeholder, false)).toBeUndefined()
  receive(kept.fd)
  expect(replies.take(kept.inode, into, false)).toEqual(Uint8Array.of(9))
})
