/** Whose a program's datagram is, and how long ones are parted. */
import { describe, expect, test } from 'vitest'
import { addresseeOf } from '../../src/control/exec/addressee.ts'
import { joined, packed } from '../../src/control/exec/datagrams.ts'
import { merged } from '../../src/control/exec/family-dump.ts'
import {
  GENL_ID_CTRL,
  genlmsghdr,
  MessageBuilder,
  messages,
  NLM_F_DUMP,
  NLM_F_MULTI,
  NLM_F_REQUEST,
  writeDone,
} from '../../src/netlink/index.ts'

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
  const builder = new MessageBuilder()
  for (const { type = GENL_ID_CTRL, cmd = GETFAMILY, name, id, flags = 0 } of parts) {
    builder.message(type, NLM_F_REQUEST | flags, 1).payload(genlmsghdr(cmd, 1))
    if (id !== undefined) builder.u16(1, id)
    if (name !== undefined) builder.string(2, name)
  }
  return builder.bytes
}

describe('a datagram is', () => {
  test.each<[string, string, Part[]]>([
    ['the driver’s', 'driver', [{ type: OURS, cmd: 1 }]],
    ['the driver’s: a question for the name', 'driver', [{ name: 'vnet_nl' }]],
    ['the driver’s: a question for the number', 'driver', [{ id: OURS }]],
    ['the driver’s: a dump of its policy', 'driver', [{ cmd: GETPOLICY, name: 'vnet_nl', flags: NLM_F_DUMP }]],
    ['the driver’s: several', 'driver', [{ name: 'vnet_nl' }, { type: OURS }]],
    ['of both: a dump of families', 'both', [{ flags: NLM_F_DUMP }]],
    ['the kernel’s: another name', 'kernel', [{ name: 'nlctrl' }]],
    ['the kernel’s: another name with our number', 'kernel', [{ name: 'nlctrl', id: OURS }]],
    ['the kernel’s: another family', 'kernel', [{ type: 0x20 }]],
    ['the kernel’s: another’s policy', 'kernel', [{ cmd: GETPOLICY, name: 'nlctrl', flags: NLM_F_DUMP }]],
    ['the kernel’s: mixed', 'kernel', [{ type: OURS }, { name: 'nlctrl' }]],
    ['the kernel’s: a dump of families and more', 'kernel', [{ flags: NLM_F_DUMP }, { type: OURS }]],
    ['the kernel’s: nothing', 'kernel', []],
  ])('%s', (_, to, parts) => {
    expect(addresseeOf(datagram(...parts))).toBe(to)
  })

  test('the kernel’s when it is no message', () => {
    expect(addresseeOf(datagram({ type: OURS }).subarray(0, 19))).toBe('kernel')
  })
})

describe('datagrams', () => {
  const message = (length: number, flags: number) =>
    new MessageBuilder().message(OURS, flags, length).payload(new Uint8Array(length)).bytes.slice()
  const sizes = (flags: number, ...lengths: number[]) =>
    packed(lengths.map(length => message(length, flags))).map(datagram => [...messages(datagram)].length)

  test('hold as many parts of a dump as a small buffer holds, and one of other messages', () => {
    const lengths = [[100], [1000, 1000, 1000, 1000, 1000], [9000], [10, 9000, 10], [3744, 4], [3745], []]
    expect(lengths.map(each => sizes(NLM_F_MULTI, ...each))).toEqual([[1], [3, 2], [1], [1, 1, 1], [1, 1], [1], []])
    expect(sizes(0, 10, 10)).toEqual([1, 1])
  })

  test('hold every message, in order', () => {
    const all = [message(12, 0), message(20, NLM_F_MULTI), message(32, NLM_F_MULTI), message(40, 0)]
    expect(joined(packed(all))).toEqual(joined(all))
    expect(packed(all).map(({ length }) => length)).toEqual([28, 84, 56])
  })

  test('of a dump of families: ours comes before the end, all to the program, as parts of one', () => {
    const kernels = ['nlctrl', 'ethtool'].map(name => datagram({ name }).slice())
    const end = new MessageBuilder()
    writeDone(end, 1, 0, { error: 0 })
    const ours = datagram({ name: 'vnet_nl' }).slice()
    const all = merged([...kernels, end.bytes.slice()], [ours], 4711)!
    const found = all.flatMap(part => [...messages(part)])
    expect(found.map(({ type }) => type)).toEqual([GENL_ID_CTRL, GENL_ID_CTRL, GENL_ID_CTRL, 3])
    for (const { portid, flags } of found) expect([portid, flags & 2]).toEqual([4711, 2])
    expect(merged([end.bytes.slice()], [], 4711)).toBeUndefined()
    const refused = new MessageBuilder().message(2, 0, 1).payload(new Uint8Array(20)).bytes.slice()
    expect(merged([end.bytes.slice()], [refused], 4711)).toBeUndefined()
  })
})
