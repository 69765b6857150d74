/** Random and mutated datagrams, for the parser of netlink. */
import { expect } from 'vitest'
import { commands } from '#src/control/protocol/family.ts'
import {
  attributes,
  binary,
  decodeAttributes,
  type Fields,
  flag,
  genlmsghdr,
  indexedArray,
  MessageBuilder,
  messages,
  NetlinkParseError,
  nested,
  type Policy,
  parseAck,
  parseGenl,
  policy,
  required,
  s32,
  string,
  u8,
  u16,
  u32,
  u64,
  writeAck,
  writeDone,
} from '#src/netlink/index.ts'
import {
  Bender,
  FUZZ_BLOCK,
  FUZZ_OCTETS,
  failure,
  seedsOf,
  wholeMessages,
} from '#support/fuzz-netlink.ts'
import { SEED } from '#support/scale.ts'

/** Bytes around the datagram. */
const AROUND = 64

const inner = policy({ a: required(u32(1)), b: string(2, 8), c: flag(3) }, { strict: true })
const everyKind = policy({
  one: u8(1),
  two: u16(2),
  four: u32(3),
  signed: s32(4),
  eight: u64(5),
  text: string(6, 15),
  octets: binary(7, 2, 40),
  mark: flag(8),
  nest: nested(9, inner),
  list: indexedArray(10, inner),
})
const { echo, getStats, getParam, setParam, ioctl, subscribe, event } = commands
const POLICIES: readonly Policy<Fields>[] = [
  everyKind,
  ...[getStats, event, getParam, ioctl].map(({ reply }) => reply),
  ...[echo, getStats, ioctl, setParam, subscribe].map(({ request }) => request),
]

function right(): Uint8Array[] {
  const message = (write: (b: MessageBuilder) => unknown) => {
    const builder = new MessageBuilder().message(0x3f0, 5, 1).payload(genlmsghdr(1, 1))
    write(builder)
    return builder.bytes.slice()
  }
  const innerSet = (b: MessageBuilder) => void b.u32(1, 7).string(2, 'seven').flag(3)
  const request = message(b => b.string(1, 'hello'))
  const answer = (write: (b: MessageBuilder) => unknown) => {
    const builder = new MessageBuilder()
    write(builder)
    return builder.bytes.slice()
  }
  const [quoted] = [...messages(request)]
  return [
    request,
    message(b =>
      b
        .u8(1, 1)
        .u16(2, 2)
        .u32(3, 3)
        .s32(4, -4)
        .u64(5, 5n)
        .string(6, 'six')
        .binary(7, Uint8Array.of(1, 2, 3)),
    ),
    message(b =>
      b
        .flag(8)
        .nested(9, innerSet)
        .nested(10, list => list.nested(1, innerSet).nested(2, innerSet)),
    ),
    message(b => {
      b.u32(1, 2).string(2, 'one').string(3, 'red').u32(4, 4).u32(5, 2)
      b.nested(7, stats => [1, 2, 3, 25].map(type => stats.u64(type, 9n)))
      b.nested(9, drops =>
        drops.nested(1, drop => drop.u8(1, 0).string(2, 'NOT_SPECIFIED').u64(3, 5n)),
      )
    }),
    message(b =>
      b.u32(1, 2).u32(23, 0x89f0).binary(24, new Uint8Array(40)).binary(26, new Uint8Array(8)),
    ),
    message(b => b.u32(1, 2).string(2, 'one').u32(28, 3).u64(31, 100n)),
    message(b => b.string(15, 'lockup').string(16, '10').string(17, 'int')),
    answer(b =>
      writeAck(b, request, quoted!, 7, { error: -22, message: 'it is wrong', offset: 20 }),
    ),
    answer(b => writeAck(b, request, quoted!, 7, { error: 0 })),
    answer(b => writeDone(b, 1, 7, { error: -5, message: 'it failed' })),
    // An acknowledgement that quotes its whole request, and a cookie.
    answer(b =>
      b
        .message(2, 0x200, 1)
        .payload(new Uint8Array(4))
        .payload(request)
        .string(1, 'text')
        .binary(3, request),
    ),
  ]
}

/**
 * Hashes everything that the codec returns for a datagram, including a refusal. Throws on any other
 * error.
 */
class Digest {
  value = 0

  add(n: number): void {
    this.value = (Math.imul(this.value ^ (n | 0), 0x01000193) + 0x9e37) | 0
  }

  text(text: string): void {
    for (let i = 0; i < text.length; i++) {
      this.add(text.charCodeAt(i))
    }
  }

  attempt(parse: () => void): void {
    try {
      parse()
    } catch (error) {
      if (!(error instanceof NetlinkParseError)) throw error
      this.text(error.message)
    }
  }

  /** `from` and `to`: the range of the buffer that a view may cover. */
  anything(value: unknown, from: number, to: number): void {
    if (typeof value === 'number') {
      this.add(value)
    } else if (typeof value === 'bigint') {
      this.add(Number(value & 0xffff_ffffn) ^ Number(value >> 32n))
    } else if (typeof value === 'string') {
      this.text(value)
    } else if (value instanceof Uint8Array) {
      if (value.byteOffset < from || value.byteOffset + value.length > to) {
        throw new Error('a view of other octets')
      }
      for (const octet of value) {
        this.add(octet)
      }
    } else if (Array.isArray(value)) {
      for (const each of value) {
        this.anything(each, from, to)
      }
    } else if (typeof value === 'object' && value !== null) {
      const set = value as Record<string, unknown>
      for (const name in set) {
        this.text(name)
        this.anything(set[name], from, to)
      }
    } else {
      this.add(value === true ? 1 : 2)
    }
  }
}

function within(what: { offset: number; length: number }, from: number, to: number): void {
  if (what.offset < from || what.length < 0 || what.offset + what.length > to) {
    throw new Error('it lies outside')
  }
}

/** The hash of `length` bytes at `offset`, and the number of messages found. */
function look(
  digest: Digest,
  bytes: Uint8Array,
  offset: number,
  length: number,
  by: Policy<Fields>,
): number {
  const [from, to] = [bytes.byteOffset + offset, bytes.byteOffset + offset + length]
  let found = 0
  digest.value = 0
  digest.attempt(() => {
    for (const message of messages(bytes, offset, length)) {
      found++
      within(message, offset, offset + length)
      const { type, flags, seq, portid, offset: at, length: size } = message
      for (const n of [type, flags, seq, portid, at - offset, size]) {
        digest.add(n)
      }
      digest.attempt(() => {
        for (const attribute of attributes(bytes, at, size)) {
          within(attribute, at, at + size)
          digest.add((attribute.type << 16) ^ attribute.length)
        }
      })
      digest.attempt(() => digest.anything(parseAck(bytes, message), from, to))
      digest.attempt(() => {
        const genl = parseGenl(bytes, message)
        within(genl, at, at + size)
        digest.add((genl.cmd << 8) | genl.version)
        digest.anything(decodeAttributes(by, bytes, genl.offset, genl.length), from, to)
      })
    }
  })
  return found
}

/**
 * Parses `count` datagrams. Each is parsed twice, surrounded by zeros and by ones: a read outside
 * of the datagram makes a difference between the two. Any exception but NetlinkParseError fails.
 */
export function expectDecodedOrRefused(count: number): void {
  const [zeros, ones] = [0x00, 0xff].map(octet =>
    new Uint8Array(FUZZ_OCTETS + 2 * AROUND).fill(octet),
  )
  const [one, other] = [new Digest(), new Digest()]
  const rights = right()
  const told = new Set<number>()
  let parsed = 0
  for (const seed of seedsOf(count, SEED)) {
    const bender = new Bender(seed, rights)
    for (let i = 0; i < Math.min(FUZZ_BLOCK, count); i++) {
      const length = bender.next()
      const octets = bender.octets.subarray(0, length)
      zeros!.set(octets, AROUND)
      ones!.set(octets, AROUND)
      try {
        const by = POLICIES[i % POLICIES.length]!
        // One array ends with the message; the other continues.
        const found = look(one, zeros!.subarray(0, AROUND + length), AROUND, length, by)
        look(other, ones!, AROUND, length, by)
        if (one.value !== other.value) throw new Error('what is around it makes a difference')
        if (found !== wholeMessages(octets).length) throw new Error(`${found} messages were found`)
        parsed += found
      } catch (error) {
        throw failure(seed, i, octets, error)
      }
      zeros!.fill(0x00, AROUND, AROUND + length)
      ones!.fill(0xff, AROUND, AROUND + length)
      if (i % 100 === 0) {
        told.add(one.value)
      }
    }
  }
  // The datagrams are parsed to that depth, and differ.
  expect(parsed).toBeGreaterThan(count / 2)
  expect(told.size).toBeGreaterThan(count / 1000)
}
