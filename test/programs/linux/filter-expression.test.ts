/**
 * The compiler for systems without libpcap accepts the same frames as libpcap, for every filter
 * that it compiles. Without libpcap these tests fail: `npm test` installs it.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { random } from '#src/base/random.ts'
import { compileFilter, nameIn } from '#src/linux/pcap-filter.ts'
import { BpfProgram } from '#src/packet/bpf.ts'
import { compileExpression } from '#src/packet/filter-expression.ts'
import { FILTER_TEXTS, randomFilter } from '#support/filter-texts.ts'
import { fuzzFrames } from '#support/fuzz-frames.ts'
import { either, SEED, scaled } from '#support/scale.ts'

const root = resolve(import.meta.dirname, '../../..')
const frames = framesOf(scaled(40_000))

/** Malformed packets of every kind, and some that are cut off. */
function framesOf(count: number): Uint8Array[] {
  const numbers = random(SEED)
  const next = fuzzFrames(numbers, 2000)
  return Array.from({ length: count }, (_, i) => {
    const frame = next().bytes.slice()
    return i % 8 === 0 ? frame.subarray(0, numbers.below(frame.length + 1)) : frame
  })
}

/**
 * The same with more bytes than a filter here reads. libpcap's optimizer changes the order in which
 * bytes are read, and with it the conditions that decide before a byte is missing.
 */
const longFrames = frames
  .slice(0, 400)
  .map(frame => Uint8Array.of(...frame, ...new Uint8Array(320).fill(frame.length)))

const own = (text: string) => {
  const program = new BpfProgram(compileExpression(text))
  return (frame: Uint8Array) => program.run(frame, 0, frame.length) !== 0
}

/** Frames for which the two compilers differ; undefined if libpcap refuses the text. */
function differences(text: string, among = frames, optimize = 1): Uint8Array[] | undefined {
  let theirs: (frame: Uint8Array) => boolean
  try {
    const filter = compileFilter(text, undefined, optimize)
    theirs = frame => filter(frame, 0, frame.length)
  } catch {
    return undefined
  }
  const mine = own(text)
  return among.filter(frame => mine(frame) !== theirs(frame))
}

const TEXTS = [
  ...FILTER_TEXTS,
  'ip6 multicast',
  'proto 6',
  'ip proto \\tcp',
  'ether proto \\ip6',
  'net 10',
  'net 198.18',
  'net 0',
  'not net 0x0',
  'net 0.0',
  'net 0.0.0.1',
  'net 1 or net 256',
  'ether host 020000000001',
  'ether src 0200.0000.0001 or ether dst 2-0-0-0-0-1',
  'ether host 2:0:0:0:0:1 or ether host 02.00.00.00.00.02',
  'icmp6[icmp6type] = icmp6-echo',
  'port 53 or 80 and not 443',
  'tcp port (53 or 80)',
  'src or dst net 198.18.0.0/16',
  'src and dst net 198.18.0.0/16',
  'arp host 198.18.0.1',
  '(tcp[13] & 2) != 0',
  '((len)) > 100 && !(udp)',
  'ip6 net 2001:db8::/32',
  'ip6 net 2001:db8::/33',
  'net ::/0',
  'net 0.0.0.0/0',
  'ip[8] % 7 + 2 = ip[9] ^ 3',
  'ip[8] * ip[9] % 7 - 1 > 2',
  'ether[0] + arp[3] != 80',
  '2 * ip[8] > 40',
  'vrrp or igrp or pim or ah or esp or igmp or rarp',
]

test.each(TEXTS)("the compiler without libpcap accepts the same frames for '%s'", text => {
  expect(differences(text)).toEqual([])
})

test('random filters accept the same frames as with libpcap', () => {
  const numbers = random(SEED)
  const count = either(scaled(40_000), 150)
  let compared = 0
  for (let i = count; i > 0; i--) {
    const text = randomFilter(numbers, 3)
    const found = differences(text, longFrames)
    // libpcap refuses filters that match nothing.
    if (found === undefined) continue
    compared++
    expect([text, found, SEED]).toEqual([text, [], SEED])
  }
  expect(compared).toBeGreaterThan(count / 4)
})

test('random filters accept the same frames as with libpcap without its optimizer', () => {
  const numbers = random(SEED + 1)
  for (let i = either(scaled(200_000), 150); i > 0; i--) {
    const text = randomFilter(numbers, 3)
    // A division by a byte that is 0 rejects the frame, and the programs divide in other orders.
    const found =
      /[/%]/.test(text) || shiftsFar(text) ? [] : (differences(text, longFrames, 0) ?? [])
    expect([text, found, SEED]).toEqual([text, [], SEED])
  }
})

/** Whether a filter shifts by over 31 bits, which libpcap refuses only if a number says so. */
function shiftsFar(text: string): boolean {
  try {
    compileExpression(text)
    return false
  } catch (error) {
    return /^a shift by/.test((error as Error).message)
  }
}

test.each([
  'host 020000000001',
  'net 10/8',
  'net 10 mask 255.0.0.0',
  'host deadbeefcafe',
  'port 123456789012',
])("'%s' is refused, as libpcap does", text => {
  expect(isCompiled(text)).toBe(false)
  expect(() => compileExpression(text)).toThrow(RangeError)
})

test('a filter that needs jumps longer than a conditional jump accepts the same frames', () => {
  const hosts = Array.from({ length: 45 }, (_, i) => `host 198.18.0.${i}`)
  expect(differences(hosts.join(' or '), longFrames)).toEqual([])
  expect(differences(`not (${hosts.join(' or ')})`, longFrames)).toEqual([])
})

test('every filter of the documents that libpcap compiles accepts the same frames', () => {
  const texts = [...new Set(documents().flatMap(quoted))].filter(text => nameIn(text) === undefined)
  const compiled = texts.filter(
    text => !/\b(vlan|mpls|pppoe\w*|protochain)\b/.test(text) && isCompiled(text),
  )
  for (const text of compiled) {
    expect([text, differences(text)]).toEqual([text, []])
  }
  expect(compiled).toContain('tcp port 80 and tcp[tcpflags] & tcp-push != 0')
})

test.each([
  [
    'host example.com',
    "'.com' is not of pcap-filter(7), or names are not looked up without libpcap",
  ],
  ['constructor', "'constructor' is not expected there, or takes libpcap"],
  ['not __proto__', "'__proto__' is not expected there, or takes libpcap"],
  ['constructor port 1', "'constructor' is not expected there, or takes libpcap"],
  ['proto \\constructor', "'proto constructor' is not known without libpcap"],
  ['ether proto \\constructor', "'ether proto' takes libpcap for this"],
  ['port http', "'http' is not expected there, or takes libpcap"],
  ['vlan 5', "'vlan' is not expected there, or takes libpcap"],
  ['ip broadcast', "'ip broadcast' is not compiled without libpcap"],
  ['tcp and', 'it is not complete'],
  ['tcp port 80 81', "'81' is not expected there, or takes libpcap"],
  ['(port 80) or 90', "'90' is not expected there, or takes libpcap"],
  ['port 70000', '70000 is not a port'],
  ['net 198.18.0.1/24', '198.18.0.1 has bits outside of its network'],
  ['ether[0] / 0 = 1', 'division by zero'],
  ['ether[0] << 32 = 1', 'a shift by 32 bits'],
  ['tcp[0:3] = 1', 'tcp[]: the size is 1, 2 or 4 bytes, not 3'],
  ['host 198.18.0.256', "'198.18.0.256' is not an address"],
])("'%s' is refused without libpcap", (text, message) => {
  expect(() => compileExpression(text)).toThrow(new RangeError(message))
})

function isCompiled(text: string): boolean {
  try {
    compileFilter(text)
    return true
  } catch {
    return false
  }
}

/** The pages and the examples. */
function documents(): string[] {
  const folders = [
    'docs',
    'docs/drivers',
    ...readdirSync(join(root, 'packages')).map(name => `packages/${name}/docs`),
  ]
  const pages = folders
    .filter(folder => existsSync(join(root, folder)))
    .flatMap(folder => readdirSync(join(root, folder)).map(name => join(root, folder, name)))
  return [join(root, 'README.md'), ...pages.filter(path => path.endsWith('.md'))].map(path =>
    readFileSync(path, 'utf8'),
  )
}

const quoted = (text: string) =>
  Array.from(text.matchAll(/(['"`])((?:(?!\1).){2,200})\1/g), ([, , inside]) => inside as string)
