/** Datagrams from a program's generic netlink sockets, and where the sockets come from. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ECONNREFUSED, EFAULT, ENOBUFS } from '#src/base/errno.ts'
import { VNET_GENL_ID } from '#src/control/protocol/family.ts'
import type { Entry } from '#src/control/sockets/directory.ts'
import {
  AF_NETLINK,
  NETLINK_GENERIC,
  NETLINK_ROUTE,
  SOCK_CLOEXEC,
  SOCK_RAW,
  sockaddrNl,
} from '#src/linux/uapi.ts'
import { genlmsghdr, MessageBuilder, NLM_F_REQUEST } from '#src/netlink/index.ts'
import { FIRST_DESCRIPTOR, GenericNetlink, LAST_DESCRIPTOR } from '../src/generic-netlink.ts'
import type { Relay, RelayDone, Sent } from '../src/relay.ts'
import type { ReachableVnets } from '../src/vnets.ts'
import { SupervisedProgram } from './support/supervised-program.ts'

const MMSGHDR_LEN = 64
const LENGTH_AT = 56n
const NOWHERE = 16n
const message = (type: number) =>
  new MessageBuilder().message(type, NLM_F_REQUEST, 1).payload(genlmsghdr(1, 1)).bytes
const ours = message(VNET_GENL_ID).slice()
const kernels = message(0x20).slice()
const vnet = (name: string) => ({ vnet: name }) as Entry

let program: SupervisedProgram
let genl: GenericNetlink
let fd: number
/** The running vnets, and the datagrams relayed to each. */
let serving: Entry[]
let sent: { readonly to: string; readonly sent: Sent }[]
/** Ends what is relayed; by default all of it was sent. */
let relayed: (to: Entry, sent: Sent, done: RelayDone) => void

beforeEach(() => {
  program = new SupervisedProgram()
  fd = program.socket()
  ;[serving, sent] = [[vnet('one')], []]
  relayed = (_, { octets }, done) => done(octets.length)
  const relay: Relay = (to, datagram, done) => {
    sent.push({ to: to.vnet, sent: datagram })
    relayed(to, datagram, done)
  }
  const vnets = { serving: () => serving } as unknown as ReachableVnets
  genl = new GenericNetlink(program.supervision({ vnets }), relay)
})
afterEach(() => program[Symbol.dispose]())

/** Returns the address of a struct msghdr per datagram, `size` bytes apart. */
function headers(datagrams: readonly Uint8Array[], size = MMSGHDR_LEN): bigint {
  const words = datagrams.flatMap(octets => {
    // In two parts.
    const at = program.put(octets)
    const parts = program.iovecs([at, 10], [at + 10n, octets.length - 10])
    return [0n, 0n, parts, 2n, 0n, 0n, 0n, 0n].slice(0, size / 8)
  })
  return program.put(BigUint64Array.from(words))
}

describe('a datagram for vnet_nl is relayed', () => {
  test.each<[string, () => void]>([
    [
      'sendto',
      () =>
        genl.sendto(
          program.call(fd, program.put(ours), ours.length, 0, program.put(sockaddrNl()), 12),
        ),
    ],
    [
      'sendto without an address',
      () => genl.sendto(program.call(fd, program.put(ours), ours.length)),
    ],
    ['write', () => genl.write(program.call(fd, program.put(ours), ours.length))],
    [
      'writev',
      () => genl.writev(program.call(fd, program.iovecs([program.put(ours), ours.length]), 1)),
    ],
    ['sendmsg', () => genl.sendmsg(program.call(fd, headers([ours], 56), 0))],
  ])('a datagram for vnet_nl is relayed by %s, and the call returns its length', (_, send) => {
    send()
    expect(program.results).toEqual([ours.length])
    const socket = { port: program.port(fd), netns: program.netns }
    expect(sent).toMatchObject([{ to: 'one', sent: { octets: ours, to: 'driver', socket } }])
  })

  test('a datagram is relayed from a socket without a port, which gets one', () => {
    const unbound = program.native.socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC, -1)
    genl.write(program.call(unbound, program.put(ours), ours.length))
    expect(sent[0]?.sent.socket.port).toBe(program.port(unbound))
    expect(program.port(unbound)).not.toBe(0)
    program.native.close(unbound)
  })

  test('a datagram is relayed to the next vnet if one has ended, and to the kernel if all have', () => {
    serving = [vnet('one'), vnet('other')]
    relayed = (to, { octets }, done) => {
      serving = serving.filter(each => each !== to)
      done(to.vnet === 'one' ? -ECONNREFUSED : octets.length)
    }
    genl.write(program.call(fd, program.put(ours), ours.length))
    genl.write(program.call(fd, program.put(ours), ours.length))
    expect(sent.map(({ to }) => to)).toEqual(['one', 'other'])
    expect(program.results).toEqual([ours.length, undefined])
  })
})

describe('the kernel gets a datagram', () => {
  const to = (port: number) => program.put(sockaddrNl(port))
  test.each<[string, () => void]>([
    [
      'for another family',
      () => genl.write(program.call(fd, program.put(kernels), kernels.length)),
    ],
    [
      'for another process',
      () => genl.sendto(program.call(fd, program.put(ours), ours.length, 0, to(4711), 12)),
    ],
    [
      'with a short address',
      () => genl.sendto(program.call(fd, program.put(ours), ours.length, 0, to(0), 11)),
    ],
    ['that cannot be read', () => genl.write(program.call(fd, NOWHERE, 20))],
    [
      'that is longer than any request',
      () => genl.write(program.call(fd, program.put(ours), 65537)),
    ],
    ['whose iovecs cannot be read', () => genl.writev(program.call(fd, NOWHERE, 1))],
    ['on no descriptor', () => genl.write(program.call(-1, program.put(ours), ours.length))],
    [
      'on a socket of another protocol',
      () => genl.write(program.call(program.socket(NETLINK_ROUTE), program.put(ours), ours.length)),
    ],
  ])('%s', (_, send) => {
    send()
    expect([program.results, sent]).toEqual([[undefined], []])
  })

  test('the kernel gets a datagram of a thread that no longer waits', () => {
    program.isWaiting = false
    genl.write(program.call(fd, program.put(ours), ours.length))
    expect([program.results, sent]).toEqual([[undefined], []])
  })
})

describe('sendmmsg(2)', () => {
  const lengths = (at: bigint, count: number) =>
    Array.from({ length: count }, (_, i) =>
      program.uint32(at + BigInt(MMSGHDR_LEN * i) + LENGTH_AT),
    )

  test('sendmmsg(2) sends all datagrams, and writes the length of each', () => {
    const at = headers([ours, ours, ours])
    genl.sendmmsg(program.call(fd, at, 3))
    expect([program.results, sent.length, lengths(at, 3)]).toEqual([[3], 3, [20, 20, 20]])
  })

  test('sendmmsg(2) returns at the first datagram for the kernel, or runs there if it is the very first', () => {
    const at = headers([ours, kernels, ours])
    genl.sendmmsg(program.call(fd, at, 3))
    expect([program.results, lengths(at, 3)]).toEqual([[1], [20, 0, 0]])
    genl.sendmmsg(program.call(fd, headers([kernels, ours]), 2))
    expect([program.results, sent.length]).toEqual([[1, undefined], 1])
  })

  test('sendmmsg(2) returns the first datagram’s error, and otherwise the number sent', () => {
    let room = 0
    relayed = (_, { octets }, done) => done(room-- > 0 ? octets.length : -ENOBUFS)
    genl.sendmmsg(program.call(fd, headers([ours, ours]), 2))
    room = 1
    genl.sendmmsg(program.call(fd, headers([ours, ours]), 2))
    expect(program.results).toEqual([-ENOBUFS, 1])
  })

  test('sendmmsg(2) is EFAULT where a length cannot be written', () => {
    const at = headers([ours, ours])
    program.processes.write = () => -EFAULT
    genl.sendmmsg(program.call(fd, at, 2))
    expect(program.results).toEqual([-EFAULT])
  })

  test('sendmmsg(2) is left to the kernel if a header cannot be read', () => {
    genl.sendmmsg(program.call(fd, NOWHERE, 2))
    expect([program.results, sent]).toEqual([[undefined], []])
  })
})

describe('socket(2) of generic netlink', () => {
  const open = (type: number) => genl.socket(program.call(AF_NETLINK, type, NETLINK_GENERIC))

  test.each([
    ['', SOCK_RAW, false],
    [', close-on-exec', SOCK_RAW | SOCK_CLOEXEC, true],
  ])(
    'socket(2) of generic netlink gets the first free number that the filter traps%s',
    (_, type, cloexec) => {
      open(type)
      expect([program.given, program.results]).toEqual([[[FIRST_DESCRIPTOR, cloexec]], []])
    },
  )

  test('a generic netlink socket gets the next number while one is in use', () => {
    program.processes.isFree = (_, number) => number > FIRST_DESCRIPTOR + 1
    open(SOCK_RAW)
    expect(program.given).toEqual([[FIRST_DESCRIPTOR + 2, false]])
  })

  test('a generic netlink socket is the kernel’s once all numbers are in use', () => {
    program.processes.isFree = (_, number) => number > LAST_DESCRIPTOR
    open(SOCK_RAW)
    expect([program.given, program.results]).toEqual([[], [undefined]])
  })

  test('socket(2) is left to the kernel if the socket cannot be made', () => {
    open(0)
    expect([program.given, program.results]).toEqual([[], [undefined]])
  })

  test('a generic netlink socket is not given to a thread that no longer waits', () => {
    program.isWaiting = false
    open(SOCK_RAW)
    expect([program.given, program.results]).toEqual([[], [undefined]])
  })
})
