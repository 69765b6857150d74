import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { fstatSync, readFileSync, readlinkSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  EAFNOSUPPORT,
  EAGAIN,
  EBADF,
  EBADFD,
  EINVAL,
  EIO,
  ENOBUFS,
  VnetError,
} from '#src/base/errno.ts'
import { check } from '#src/linux/errno.ts'
import * as uapi from '#src/linux/uapi.ts'
import { frames, native } from '../programs/native/support.ts'

const SIOCGIFINDEX = 0x8933
const RTNLGRP_LINK = 1
const NOBODY = 65534
const NONE = Int32Array.of()
const ip = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] })

let netns: string
let nsfd: number
const closers: (() => unknown)[] = []

beforeEach(() => {
  netns = `vnet-native-${randomBytes(6).toString('hex')}`
  ip('netns', 'add', netns)
  nsfd = check(native.open(`/run/netns/${netns}`, uapi.O_RDONLY, -1), 'open')
})
afterEach(() => {
  for (const close of closers.splice(0).reverse()) {
    close()
  }
  native.close(nsfd)
  ip('netns', 'del', netns)
})

/** An interface in the test's namespace, up, without addresses. */
function tap() {
  const fd = check(
    native.open('/dev/net/tun', uapi.O_RDWR | uapi.O_NONBLOCK, nsfd),
    'open /dev/net/tun',
  )
  closers.push(() => native.close(fd))
  const request = uapi.ifreq('vnet%d', uapi.IFF_TAP | uapi.IFF_NO_PI)
  check(native.ioctl(fd, uapi.TUNSETIFF, request), 'TUNSETIFF')
  const name = uapi.ifreqName(request)
  const set = (...args: string[]) => ip('-n', netns, 'link', 'set', name, ...args)
  // Otherwise the kernel's own neighbour discovery would be among the frames.
  set('addrgenmode', 'none')
  set('up')
  return { fd, name, set, del: () => ip('-n', netns, 'link', 'del', name) }
}

/** A socket that receives and sends whole frames on the kernel's side of the interface. */
function packetSocket(name: string) {
  const fd = check(
    native.socket(uapi.AF_PACKET, uapi.SOCK_RAW | uapi.SOCK_NONBLOCK, 0, nsfd),
    'socket',
  )
  closers.push(() => native.close(fd))
  const request = uapi.ifreq(name)
  check(native.ioctl(fd, SIOCGIFINDEX, request), 'SIOCGIFINDEX')
  // struct sockaddr_ll: family, protocol in network order, interface index.
  const address = new Uint8Array(20)
  const view = new DataView(address.buffer)
  view.setUint16(0, uapi.AF_PACKET, true)
  view.setUint16(2, uapi.ETH_P_ALL, false)
  view.setInt32(4, new DataView(request.buffer).getInt32(16, true), true)
  check(native.bind(fd, address), 'bind')
  return {
    send: (frame: Uint8Array) => check(native.send(fd, frame, 0), 'send'),
    receive: () => {
      const into = new Uint8Array(2048)
      const octets = check(native.recvmsg(fd, into, 0, new Int32Array(3)), 'recvmsg')
      return [...into.subarray(0, octets)]
    },
  }
}

/** A broadcast frame of the experimental EtherType 0x88b5 (IEEE 802). */
const frame = (mark: number, length = 60) => {
  const octets = new Uint8Array(length).fill(mark)
  octets.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, mark, 0x88, 0xb5])
  return octets
}

describe('a namespace descriptor', () => {
  test('nsfd makes sockets and interfaces in that namespace, and the thread remains in its own', () => {
    const home = readlinkSync('/proc/thread-self/ns/net')
    const { fd, name } = tap()
    expect(ip('-n', netns, '-o', 'link', 'show', name).toString()).toContain(name)
    const there = check(native.ioctl(fd, uapi.TUNGETDEVNETNS, 0), 'TUNGETDEVNETNS')
    closers.push(() => native.close(there))
    expect(fstatSync(there).ino).toBe(fstatSync(nsfd).ino)
    expect(readlinkSync('/proc/thread-self/ns/net')).toBe(home)

    const socket = check(native.socket(uapi.AF_INET, uapi.SOCK_DGRAM, 0, nsfd), 'socket')
    const index = native.ioctl(socket, SIOCGIFINDEX, uapi.ifreq(name))
    native.close(socket)
    expect(index).toBe(0)
  })

  test('the thread remains in its own namespace when the call fails', () => {
    const home = readlinkSync('/proc/thread-self/ns/net')
    expect(native.open('/nonexistent', uapi.O_RDONLY, nsfd)).toBeLessThan(0)
    expect(native.socket(250, uapi.SOCK_DGRAM, 0, nsfd)).toBeLessThan(0)
    expect(readlinkSync('/proc/thread-self/ns/net')).toBe(home)
  })

  test('a closed nsfd is refused, even if its number is the next free one', () => {
    const closed = check(native.open(`/run/netns/${netns}`, uapi.O_RDONLY, -1), 'open')
    native.close(closed)
    expect(native.socket(uapi.AF_UNIX, uapi.SOCK_DGRAM, 0, closed)).toBe(-EBADF)
  })
})

describe('batches on a TAP', () => {
  test('readBatch reads the frames that the kernel sends, in order', () => {
    const { fd, name } = tap()
    const host = packetSocket(name)
    const { batch, frame: read } = frames(8, 2048)
    for (const mark of [1, 2, 3]) {
      host.send(frame(mark, 60 + mark))
    }
    expect(native.readBatch(batch, fd, 8, 0)).toBe(3)
    expect([read(0), read(1), read(2)]).toEqual([1, 2, 3].map(mark => [...frame(mark, 60 + mark)]))
    expect(native.readBatch(batch, fd, 8, 0)).toBe(0)
  })

  test('writeBatch writes the frames that the kernel receives, in order', () => {
    const { fd, name } = tap()
    const host = packetSocket(name)
    const { batch, arena, offsets, lengths } = frames(3, 2048)
    for (const mark of [0, 1, 2]) {
      arena.set(frame(mark), offsets[mark])
    }
    lengths.fill(60)
    expect(native.writeBatch(batch, fd, 3)).toBe(3)
    expect([...lengths]).toEqual([60, 60, 60])
    for (const mark of [0, 1, 2]) {
      expect(host.receive()).toEqual([...frame(mark)])
    }
  })

  test('writeBatch writes the other frames when the kernel refuses one', () => {
    const { fd, name } = tap()
    const host = packetSocket(name)
    const { batch, arena, offsets, lengths } = frames(3, 2048)
    for (const mark of [0, 1, 2]) {
      arena.set(frame(mark), offsets[mark])
    }
    // Shorter than an Ethernet header.
    lengths.set([60, 13, 60])
    expect(native.writeBatch(batch, fd, 3)).toBe(3)
    expect([...lengths]).toEqual([60, -EINVAL, 60])
    expect(host.receive()).toEqual([...frame(0)])
    expect(host.receive()).toEqual([...frame(2)])
  })

  test('writeBatch fails while the link is down', () => {
    const { fd, set } = tap()
    set('down')
    const { batch, lengths } = frames(1, 60)
    expect(native.writeBatch(batch, fd, 1)).toBe(1)
    expect(lengths[0]).toBe(-EIO)
  })

  test('readBatch and writeBatch report EBADFD of a deleted interface', () => {
    const { fd, del } = tap()
    del()
    const { batch, lengths } = frames(1, 60)
    expect(native.readBatch(batch, fd, 1, 0)).toBe(-EBADFD)
    expect(native.writeBatch(batch, fd, 1)).toBe(1)
    expect(lengths[0]).toBe(-EBADFD)
    expect(native.ioctl(fd, uapi.TUNGETIFF, new Uint8Array(40))).toBe(-EBADFD)
  })
})

/** Polls; `next` settles at the next call. */
function polled(fd: number) {
  const statuses: number[] = []
  let settle: (status: number) => void = () => {}
  const poller = native.createPoller(fd, status => {
    statuses.push(status)
    settle(status)
  })
  if (typeof poller === 'number') throw new VnetError(poller, 'createPoller')
  closers.push(() => poller.close())
  const next = () =>
    new Promise<number>(resolve => {
      settle = resolve
    })
  return { poller, statuses, next }
}

async function turns() {
  for (let i = 0; i < 5; i++) {
    await new Promise(resolve => setImmediate(resolve))
  }
}

describe('a poller', () => {
  test('a poller reports a frame from the kernel', async () => {
    const { fd, name } = tap()
    const host = packetSocket(name)
    const { poller, next } = polled(fd)
    poller.start()
    host.send(frame(1))
    expect(await next()).toBe(0)
  })

  test('a poller reports a deleted interface once and does not spin', async () => {
    const { fd, del } = tap()
    const { poller, next, statuses } = polled(fd)
    poller.start()
    const told = next()
    del()
    expect(await told).toBe(-EBADF)
    await turns()
    expect(statuses).toEqual([-EBADF])
  })

  test('a poller reports an overflowed netlink socket, and continues once it was read', async () => {
    const fd = check(
      native.socket(uapi.AF_NETLINK, uapi.SOCK_RAW | uapi.SOCK_NONBLOCK, uapi.NETLINK_ROUTE, nsfd),
      'socket',
    )
    closers.push(() => native.close(fd))
    check(native.setsockopt(fd, uapi.SOL_SOCKET, uapi.SO_RCVBUF, uapi.int32(1)), 'SO_RCVBUF')
    check(native.bind(fd, uapi.sockaddrNl(0, 1 << (RTNLGRP_LINK - 1))), 'bind')
    const { poller, next, statuses } = polled(fd)
    const { set } = tap()
    for (let i = 0; i < 20; i++) {
      set('mtu', String(1400 + i))
    }
    poller.start()
    expect(await next()).toBe(-EBADF)
    await turns()
    expect(statuses).toEqual([-EBADF])
    const into = new Uint8Array(65536)
    const meta = new Int32Array(3)
    const answers: number[] = []
    for (let octets = 0; octets !== -EAGAIN; answers.push(octets)) {
      octets = native.recvmsg(fd, into, 0, meta)
    }
    expect(answers[0]).toBe(-ENOBUFS)
    expect(poller.start()).toBe(0)
    set('mtu', '1500')
    expect(await next()).toBe(0)
    expect(native.recvmsg(fd, into, 0, meta)).toBeGreaterThan(0)
  })
})

test('recvmsg returns the id of the namespace that an event comes from', () => {
  // Another namespace than this process's, in which other programs' events fill the socket.
  const listening = `${netns}-listening`
  ip('netns', 'add', listening)
  closers.push(() => ip('netns', 'del', listening))
  const id = 7000 + Math.floor(Math.random() * 1e6)
  ip('-n', listening, 'netns', 'set', netns, String(id))
  const there = check(native.open(`/run/netns/${listening}`, uapi.O_RDONLY, -1), 'open')
  closers.push(() => native.close(there))
  const fd = check(
    native.socket(uapi.AF_NETLINK, uapi.SOCK_RAW | uapi.SOCK_NONBLOCK, uapi.NETLINK_ROUTE, there),
    'socket',
  )
  closers.push(() => native.close(fd))
  check(native.bind(fd, uapi.sockaddrNl()), 'bind')
  check(
    native.setsockopt(fd, uapi.SOL_NETLINK, uapi.NETLINK_LISTEN_ALL_NSID, uapi.int32(1)),
    'NETLINK_LISTEN_ALL_NSID',
  )
  check(
    native.setsockopt(fd, uapi.SOL_NETLINK, uapi.NETLINK_ADD_MEMBERSHIP, uapi.int32(RTNLGRP_LINK)),
    'NETLINK_ADD_MEMBERSHIP',
  )
  tap()
  const ids = new Set<number>()
  const meta = new Int32Array(3)
  const into = new Uint8Array(65536)
  while (native.recvmsg(fd, into, 0, meta) > 0) {
    ids.add(meta[1])
  }
  expect(ids).toContain(id)
})

test('socketAs opens a socket as another user, and the thread regains its credentials', () => {
  const status = () =>
    readFileSync('/proc/thread-self/status', 'utf8').match(/^(Uid|Gid|Groups|Cap...):.*$/gm)
  const before = status()
  const fd = check(
    native.socketAs(
      uapi.AF_NETLINK,
      uapi.SOCK_RAW,
      uapi.NETLINK_GENERIC,
      -1,
      NOBODY,
      NOBODY,
      NONE,
      0n,
    ),
    'socketAs',
  )
  closers.push(() => native.close(fd))
  expect(fstatSync(fd)).toMatchObject({ uid: NOBODY, gid: NOBODY })
  expect(native.socketAs(9999, uapi.SOCK_RAW, 0, -1, NOBODY, NOBODY, NONE, 0n)).toBe(-EAFNOSUPPORT)
  expect(status()).toEqual(before)
  expect(
    native.socketAs(
      uapi.AF_NETLINK,
      uapi.SOCK_RAW,
      uapi.NETLINK_GENERIC,
      -1,
      0xffff_ffff,
      0,
      NONE,
      0n,
    ),
  ).toBe(-EINVAL)
})
