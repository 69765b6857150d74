import { describe, expect, test } from 'vitest'
import { EAGAIN, ENOBUFS, ENODEV } from '#src/base/errno.ts'
import type { Native } from '#src/linux/native.ts'
import { addAddress, getLink, RouteSocket, setLink } from '#src/linux/rtnetlink.ts'
import { MSG_PEEK, MSG_TRUNC, RTM_GETLINK } from '#src/linux/uapi.ts'
import * as netlink from '#src/netlink/index.ts'
import { toPrefix } from '#src/packet/address.ts'

// include/uapi/linux/if_link.h
const IFLA_TARGET_NETNSID = 46

interface Datagram {
  readonly bytes: Uint8Array
  readonly sender?: number
  readonly flags?: number
}

/**
 * A kernel that replies to each request with the next list of datagrams, which get its sequence
 * number.
 */
function kernel(...answers: ((seq: number) => Datagram[])[]) {
  const queue: Datagram[] = []
  const requests: Uint8Array[] = []
  const native: Partial<Native> = {
    socket: () => 3,
    setsockopt: () => 0,
    close: () => 0,
    send: (_, data) => {
      requests.push(data.slice())
      queue.push(...(answers.shift()?.(netlink.getU32(data, 8)) ?? []))
      return data.length
    },
    recvmsg: (_, into, how, meta) => {
      const datagram = (how & MSG_PEEK) !== 0 ? queue[0] : queue.shift()
      if (datagram === undefined) return -EAGAIN
      into.set(datagram.bytes.subarray(0, into.length))
      meta.set([datagram.sender ?? 0, -1, datagram.flags ?? 0])
      return datagram.bytes.length
    },
  }
  return { native: native as Native, requests }
}

const request = { type: 18, what: () => 'RTM_GETLINK', write: () => {} }
const item = (seq: number, type: number, flags = netlink.NLM_F_MULTI) =>
  new netlink.MessageBuilder().message(type, flags, seq)
const done = (seq: number, error = 0, flags = netlink.NLM_F_MULTI) =>
  new netlink.MessageBuilder()
    .message(netlink.NLMSG_DONE, flags, seq)
    .payload(new Uint8Array(Int32Array.of(error).buffer))
const ack = (seq: number, error = 0) =>
  new netlink.MessageBuilder()
    .message(netlink.NLMSG_ERROR, 0, seq)
    .payload(new Uint8Array(Int32Array.of(error, 16, 0, 0, 0).buffer))
const typeOf = (bytes: Uint8Array) => bytes[4] | (bytes[5] << 8)
const types = (sock: RouteSocket) =>
  sock.dump(request, (_, { type }) => (type === 99 ? undefined : type))

describe('dump', () => {
  test('a dump is read to its end over several datagrams, without undefined results', () => {
    const { native, requests } = kernel(seq => [
      { bytes: item(seq, 16).message(17, netlink.NLM_F_MULTI, seq).bytes },
      { bytes: item(seq, 99).message(18, netlink.NLM_F_MULTI, seq).bytes },
      { bytes: done(seq).bytes },
    ])
    expect(types(RouteSocket.open(native))).toEqual([16, 17, 18])
    expect(requests).toHaveLength(1)
    expect(requests[0][6] | (requests[0][7] << 8)).toBe(netlink.NLM_F_REQUEST | netlink.NLM_F_DUMP)
  })

  test('an interrupted dump is repeated, and its results are discarded', () => {
    const { native, requests } = kernel(
      seq => [
        { bytes: item(seq, 16, netlink.NLM_F_MULTI | netlink.NLM_F_DUMP_INTR).bytes },
        { bytes: done(seq).bytes },
      ],
      seq => [
        { bytes: item(seq, 17).bytes },
        { bytes: done(seq, 0, netlink.NLM_F_MULTI | netlink.NLM_F_DUMP_INTR).bytes },
      ],
      seq => [{ bytes: item(seq, 18).bytes }, { bytes: done(seq).bytes }],
    )
    expect(types(RouteSocket.open(native))).toEqual([18])
    expect(requests).toHaveLength(3)
  })

  test('a dump that is always interrupted ends after a few attempts', () => {
    const disturbed = (seq: number) => [
      { bytes: item(seq, 16, netlink.NLM_F_DUMP_INTR).bytes },
      { bytes: done(seq).bytes },
    ]
    const { native, requests } = kernel(...new Array(20).fill(disturbed))
    expect(types(RouteSocket.open(native))).toEqual([16])
    expect(requests.length).toBeLessThan(20)
  })

  test('an error at the end of a dump is thrown with the kernel’s message', () => {
    const { native } = kernel(seq => [
      {
        bytes: done(seq, -22, netlink.NLM_F_MULTI | netlink.NLM_F_ACK_TLVS).string(
          1,
          'Invalid header.',
        ).bytes,
      },
    ])
    expect(() => types(RouteSocket.open(native))).toThrow(
      /^RTM_GETLINK: EINVAL, .*; Invalid header$/,
    )
  })
})

describe('request', () => {
  test('messages of other senders and other requests are ignored', () => {
    const { native } = kernel(seq => [
      { bytes: ack(seq, -1).bytes, sender: 4711 },
      { bytes: item(seq - 1, 98).message(97, 0, seq).bytes },
      { bytes: ack(seq - 1, -1).bytes },
      { bytes: ack(seq).bytes },
    ])
    const sock = RouteSocket.open(native)
    const seen: number[] = []
    sock.request(request, (_, { type }) => seen.push(type))
    expect(seen).toEqual([97])
  })

  test('a truncated, missing or lost reply is an error', () => {
    const refused = (...answer: Datagram[]) => {
      const { native } = kernel(() => answer)
      return () => RouteSocket.open(native).request(request)
    }
    expect(refused({ bytes: ack(1).bytes, flags: MSG_TRUNC })).toThrow(/^RTM_GETLINK: EMSGSIZE, /)
    expect(refused()).toThrow(/^RTM_GETLINK: EAGAIN, /)
    const { native } = kernel()
    native.recvmsg = () => -ENOBUFS
    expect(() => RouteSocket.open(native).request(request)).toThrow(/^RTM_GETLINK: ENOBUFS, /)
    native.send = () => -ENOBUFS
    expect(() => RouteSocket.open(native).request(request)).toThrow(/^RTM_GETLINK: ENOBUFS, /)
  })
})

describe('a socket for another namespace, which it names by id', () => {
  const link = { ifindex: 50 }
  // Also an index that our own namespace has: there the kernel would move that interface away.
  const changes: [string, (sock: RouteSocket) => void][] = [
    ['an MTU', sock => setLink(sock, link.ifindex, { mtu: 1400 })],
    ['flags', sock => setLink(sock, link.ifindex, { flags: { set: 1, mask: 1 } })],
    ['an address', sock => addAddress(sock, link.ifindex, toPrefix('198.18.0.1/24'))],
  ]

  test.each(changes)(
    'a socket for another namespace sends no change of %s: it is EPERM',
    (_, change) => {
      const { native, requests } = kernel(
        ...new Array(2).fill((seq: number) => [{ bytes: ack(seq, -ENODEV).bytes }]),
      )
      expect(() => change(RouteSocket.openFor(native, 7))).toThrow(
        /^RTM_NEW.* on ifindex 50: EPERM, /,
      )
      expect(requests.map(typeOf)).toEqual([RTM_GETLINK])
    },
  )

  test('a socket for another namespace reads a link by the id', () => {
    const { native, requests } = kernel(seq => [{ bytes: ack(seq, -ENODEV).bytes }])
    expect(getLink(RouteSocket.openFor(native, 7), link)).toBeUndefined()
    expect([...requests[0].slice(-8)]).toEqual([8, 0, IFLA_TARGET_NETNSID, 0, 7, 0, 0, 0])
  })
})
