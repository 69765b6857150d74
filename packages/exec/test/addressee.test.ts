/**
 * Decides which vnet receives a program's datagram, and splits long datagrams; a dump of all
 * families.
 */
import { describe, expect, test } from 'vitest'
import type { Entry } from '#src/control/sockets/directory.ts'
import * as netlink from '#src/netlink/index.ts'
import { addresseeOf, vnetFor } from '../src/addressee.ts'
import { kernelsPart, merged, packed } from '../src/family-dump.ts'
import { SupervisedProgram } from './support/supervised-program.ts'

const OURS = 0x3f0
const [GETFAMILY, GETPOLICY] = [3, 10]

interface Part {
  readonly type?: number
  readonly cmd?: number
  readonly name?: string
  readonly id?: number
  readonly flags?: number
}

function datagram(...parts: Part[]): Uint8Array {
  const builder = new netlink.MessageBuilder()
  for (const { type = netlink.GENL_ID_CTRL, cmd = GETFAMILY, name, id, flags = 0 } of parts) {
    builder.message(type, netlink.NLM_F_REQUEST | flags, 1).payload(netlink.genlmsghdr(cmd, 1))
    if (id !== undefined) {
      builder.u16(1, id)
    }
    if (name !== undefined) {
      builder.string(2, name)
    }
  }
  return builder.bytes
}

describe('the addressee of a datagram', () => {
  test.each<[string, string, Part[]]>([
    ['a message of the family goes to the driver', 'driver', [{ type: OURS, cmd: 1 }]],
    ['a query of the family’s name goes to the driver', 'driver', [{ name: 'vnet_nl' }]],
    ['a query of the family’s number goes to the driver', 'driver', [{ id: OURS }]],
    [
      'a dump of the family’s policy goes to the driver',
      'driver',
      [{ cmd: GETPOLICY, name: 'vnet_nl', flags: netlink.NLM_F_DUMP }],
    ],
    [
      'several messages for the driver go to the driver',
      'driver',
      [{ name: 'vnet_nl' }, { type: OURS }],
    ],
    ['a dump of all families goes to both', 'both', [{ flags: netlink.NLM_F_DUMP }]],
    ['a query of another name goes to the kernel', 'kernel', [{ name: 'nlctrl' }]],
    [
      'a query of another name with our number goes to the kernel',
      'kernel',
      [{ name: 'nlctrl', id: OURS }],
    ],
    ['a message of another family goes to the kernel', 'kernel', [{ type: 0x20 }]],
    [
      'a dump of another family’s policy goes to the kernel',
      'kernel',
      [{ cmd: GETPOLICY, name: 'nlctrl', flags: netlink.NLM_F_DUMP }],
    ],
    [
      'a message for the driver with one for the kernel goes to the kernel',
      'kernel',
      [{ type: OURS }, { name: 'nlctrl' }],
    ],
    [
      'a dump of all families with another message goes to the kernel',
      'kernel',
      [{ flags: netlink.NLM_F_DUMP }, { type: OURS }],
    ],
    ['an empty datagram goes to the kernel', 'kernel', []],
  ])('%s', (_, to, parts) => {
    expect(addresseeOf(datagram(...parts))).toBe(to)
  })

  test('a malformed datagram goes to the kernel', () => {
    expect(addresseeOf(datagram({ type: OURS }).subarray(0, 19))).toBe('kernel')
  })
})

describe('datagrams', () => {
  const message = (length: number, flags: number) =>
    new netlink.MessageBuilder()
      .message(OURS, flags, length)
      .payload(new Uint8Array(length))
      .bytes.slice()
  const sizes = (flags: number, ...lengths: number[]) =>
    packed(lengths.map(length => message(length, flags))).map(
      datagram => [...netlink.messages(datagram)].length,
    )

  test('a datagram holds as many parts of a dump as fit a small buffer, or one message of another kind', () => {
    const lengths = [
      [100],
      [1000, 1000, 1000, 1000, 1000],
      [9000],
      [10, 9000, 10],
      [3744, 4],
      [3745],
      [],
    ]
    expect(lengths.map(each => sizes(netlink.NLM_F_MULTI, ...each))).toEqual([
      [1],
      [3, 2],
      [1],
      [1, 1, 1],
      [1, 1],
      [1],
      [],
    ])
    expect(sizes(0, 10, 10)).toEqual([1, 1])
  })

  test('the datagrams hold every message, in order', () => {
    const all = [
      message(12, 0),
      message(20, netlink.NLM_F_MULTI),
      message(32, netlink.NLM_F_MULTI),
      message(40, 0),
    ]
    expect(Buffer.concat(packed(all))).toEqual(Buffer.concat(all))
    expect(packed(all).map(({ length }) => length)).toEqual([28, 84, 56])
  })

  test('a dump of all families has vnet_nl before its end, as parts of one dump', () => {
    const kernels = ['nlctrl', 'ethtool'].map(name => datagram({ name }).slice())
    const end = new netlink.MessageBuilder()
    netlink.writeDone(end, 1, 0, { error: 0 })
    const ours = datagram({ name: 'vnet_nl' }).slice()
    const all = merged([...kernels, end.bytes.slice()], [ours], 4711)!
    const found = all.flatMap(part => [...netlink.messages(part)])
    expect(found.map(({ type }) => type)).toEqual([
      netlink.GENL_ID_CTRL,
      netlink.GENL_ID_CTRL,
      netlink.GENL_ID_CTRL,
      3,
    ])
    for (const { portid, flags } of found) {
      expect([portid, flags & 2]).toEqual([4711, 2])
    }
    expect(merged([end.bytes.slice()], [], 4711)).toBeUndefined()
    const refused = new netlink.MessageBuilder()
      .message(2, 0, 1)
      .payload(new Uint8Array(20))
      .bytes.slice()
    expect(merged([end.bytes.slice()], [refused], 4711)).toBeUndefined()
  })
})

describe('the vnet of a datagram', () => {
  const HOME = 7
  const entry = (vnet: string, ...names: string[]) =>
    ({
      vnet,
      interfaces: names.map((name, i) => ({ name, ifindex: i + 1, inode: HOME })),
    }) as unknown as Entry
  const [one, other] = [entry('one', 'a', 'b'), entry('other', 'c', 'd', 'e')]
  const asks = (cmd: number, write: (b: netlink.MessageBuilder) => unknown) => {
    const builder = new netlink.MessageBuilder()
      .message(OURS, netlink.NLM_F_REQUEST, 1)
      .payload(netlink.genlmsghdr(cmd, 1))
    write(builder)
    return builder.bytes
  }
  const [ECHO, GET_DEVICES] = [1, 2]

  test.each<[string, Entry | undefined, Uint8Array]>([
    ['of the interface that it names', other, asks(GET_DEVICES, b => b.string(2, 'd'))],
    ['of the interface with that index', other, asks(GET_DEVICES, b => b.u32(1, 3))],
    [
      'of the interface with that name and index',
      other,
      asks(GET_DEVICES, b => b.u32(1, 1).string(2, 'c')),
    ],
    [
      'that is the first, for an unknown interface',
      one,
      asks(GET_DEVICES, b => b.string(2, 'nosuch')),
    ],
    ['that is the first, for no interface', one, asks(GET_DEVICES, () => {})],
    [
      'that is the first, for an echo of bytes that look like a name',
      one,
      asks(ECHO, b => b.string(2, 'd')),
    ],
    [
      'that is the first, for malformed attributes',
      one,
      asks(GET_DEVICES, b => b.binary(1, new Uint8Array(3))),
    ],
    ['that is the first, for another family', one, datagram({ name: 'vnet_nl' })],
  ])('the vnet of a datagram is the one %s', (_, expected, octets) => {
    expect(vnetFor([one, other], HOME, octets)).toBe(expected)
  })

  test('a datagram goes to the second vnet if its second message names an interface there', () => {
    const both = Buffer.concat([
      asks(GET_DEVICES, () => {}).slice(),
      asks(GET_DEVICES, b => b.string(2, 'e')),
    ])
    expect(vnetFor([one, other], HOME, both)).toBe(other)
  })

  test('a datagram does not go to a vnet whose interface of that name is in another namespace', () => {
    expect(
      vnetFor(
        [one, other],
        HOME + 1,
        asks(GET_DEVICES, b => b.string(2, 'd')),
      ),
    ).toBe(one)
    expect(
      vnetFor(
        [],
        HOME,
        asks(GET_DEVICES, b => b.string(2, 'd')),
      ),
    ).toBeUndefined()
  })
})

describe('the kernel’s part of a dump of all families', () => {
  const dump = () => datagram({ flags: netlink.NLM_F_DUMP })

  test('the kernel’s part of a dump ends with NLMSG_DONE and has nlctrl, with the numbers of the request', () => {
    using program = new SupervisedProgram()
    const { native, processes, netns } = program
    const all = kernelsPart(native, processes, { pid: process.pid, netns }, dump())
    const parts = all?.flatMap(part => [...netlink.messages(part)]) ?? []
    expect(parts.at(-1)?.type).toBe(netlink.NLMSG_DONE)
    expect(
      parts.slice(0, -1).every(({ type, seq }) => type === netlink.GENL_ID_CTRL && seq === 1),
    ).toBe(true)
    expect(Buffer.concat(all ?? []).includes('nlctrl\0')).toBe(true)
  })

  test('the kernel’s part of a dump is undefined for a thread in another namespace or an ended one', () => {
    using program = new SupervisedProgram()
    const { native, processes, netns } = program
    const of = (pid: number, at: number) =>
      kernelsPart(native, processes, { pid, netns: at }, dump())
    expect([of(process.pid, netns + 1), of(2 ** 22 + 1, netns)]).toEqual([undefined, undefined])
  })

  test('the kernel’s part of a dump is undefined if it ends early', () => {
    using program = new SupervisedProgram()
    const { native, processes, netns } = program
    // Not a dump: the reply is one error.
    const asked = kernelsPart(
      native,
      processes,
      { pid: process.pid, netns },
      datagram({ name: 'nosuch' }),
    )
    expect(asked).toBeUndefined()
  })
})
