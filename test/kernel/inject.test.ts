/** INJECT's judgement: into whose sockets a vnet puts a datagram, and into which of them. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Injector } from '../../src/control/injector.ts'
import { check } from '../../src/kernel/errno.ts'
import {
  AF_INET,
  AF_NETLINK,
  MSG_DONTWAIT,
  NETLINK_GENERIC,
  NETLINK_USERSOCK,
  SOCK_DGRAM,
  SOCK_RAW,
  sockaddrNl,
} from '../../src/kernel/uapi.ts'
import { type Netns, OwnNetns } from '../support/netns.ts'
import { NOBODY } from '../support/privileges.ts'

const OCTETS = new Uint8Array(20).fill(7)

let own: OwnNetns
let netns: Netns
let injector: Injector

beforeEach(() => {
  own = new OwnNetns()
  netns = own.addQuiet()
  injector = new Injector(own.at(netns))
})
afterEach(() => {
  injector.close()
  own.remove()
})

/** A socket of this process, with a port unless it is none of netlink's. */
function socket(protocol: number, where = netns.fd): number {
  const fd = own.own(own.native.socket(AF_NETLINK, SOCK_RAW, protocol, where))
  check(own.native.bind(fd, sockaddrNl()), 'bind')
  return fd
}

const us = (fd: number) => ({ uid: 0, pid: process.pid, fd })

function received(fd: number): { octets: number[]; from: number } | number {
  const [into, meta] = [new Uint8Array(100), new Int32Array(3)]
  const length = own.native.recvmsg(fd, into, MSG_DONTWAIT, meta)
  return length < 0 ? length : { octets: [...into.subarray(0, length)], from: meta[0]! >>> 0 }
}

test('the socket gets the datagram, from the port that is said; without one, nothing', () => {
  const fd = socket(NETLINK_GENERIC)
  const port = injector.inject(us(fd), OCTETS)
  expect(received(fd)).toEqual({ octets: [...OCTETS], from: port })
  expect(injector.inject(us(fd))).toBe(port)
  expect(received(fd)).toBeLessThan(0)
})

describe('refused, and nothing sent', () => {
  const refusal = (holder: { uid: number; pid: number; fd: number }) => {
    try {
      return injector.inject(holder, OCTETS)
    } catch (error) {
      return (error as { code?: string }).code
    }
  }

  test('a process that is another user’s, in another pid namespace, or gone', () => {
    const fd = socket(NETLINK_GENERIC)
    expect(refusal({ ...us(fd), uid: NOBODY })).toBe('ESRCH')
    expect(refusal({ ...us(fd), pid: 0 })).toBe('ESRCH')
    expect(refusal({ ...us(fd), pid: -1 })).toBe('ESRCH')
    expect(refusal({ ...us(fd), pid: 0x3fffff })).toBe('ESRCH')
    expect(received(fd)).toBeLessThan(0)
  })

  test('what is no generic netlink socket', () => {
    const user = socket(NETLINK_USERSOCK)
    expect(refusal(us(user))).toBe('EINVAL')
    expect(refusal(us(own.own(own.native.socket(AF_INET, SOCK_DGRAM, 0, netns.fd))))).toBe('EINVAL')
    expect(refusal(us(netns.fd))).toBe('EINVAL')
    expect(refusal(us(99999))).toBe('EBADF')
    expect(received(user)).toBeLessThan(0)
  })

  test('a socket of another network namespace', () => {
    const elsewhere = socket(NETLINK_GENERIC, own.addQuiet().fd)
    expect(refusal(us(elsewhere))).toBe('EINVAL')
    expect(received(elsewhere)).toBeLessThan(0)
  })

  test('one without a port, whose messages the kernel would get from us', () => {
    const fd = own.own(own.native.socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC, netns.fd))
    expect(refusal(us(fd))).toBe('EINVAL')
  })

  test('one whose queue is full', () => {
    const fd = socket(NETLINK_GENERIC)
    let said: unknown = 0
    for (let n = 0; typeof said === 'number' && n < 10_000; n++) said = refusal(us(fd))
    expect(said).toBe('EAGAIN')
    expect(received(fd)).toMatchObject({ octets: [...OCTETS] })
  })

  test('anything, without CAP_NET_ADMIN', () => {
    const EPERM = 1
    injector.close()
    const sendto = () => -EPERM
    injector = new Injector(own.at(netns, { sendto }))
    expect(refusal(us(socket(NETLINK_GENERIC)))).toBe('EPERM')
  })
})
