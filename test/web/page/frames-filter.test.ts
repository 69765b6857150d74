import { describe, expect, it } from 'vitest'
import type { Header } from '../../../src/packet/header-fields.ts'
import type { FrameRow } from '../../../src/web/feed-types.ts'
import { FilterError, parseFilter } from '../../../src/web/page/frames-filter.ts'

const header = (name: string, fields: Record<string, string>): Header => {
  return { name, fields: Object.entries(fields).map(([name, value]) => ({ name, value })) }
}

function frame(more: Partial<FrameRow> = {}): FrameRow {
  const rest = { number: 1, time: 0, id: 'a', queue: 0, length: 98, text: '', headers: [], bytes: '' }
  return { ...rest, direction: 'tx', dropped: undefined, ...more }
}

const ethernet = header('Ethernet', { Destination: '02:00:00:00:00:0A', Source: '02:00:00:00:00:01' })
const ports = { 'Source port': '48210', 'Destination port': '80' }
/** Frames by a short name. */
const FRAMES = {
  tcp: frame({
    length: 1514,
    text: 'IP 198.18.0.1.48210 > 198.18.0.20.80: Flags [P.], seq 1, length 1448',
    headers: [
      ethernet,
      header('IPv4', { Source: '198.18.0.1', Destination: '198.18.0.20', TTL: '64' }),
      header('TCP', { ...ports, Window: '53' }),
    ],
  }),
  dns: frame({
    direction: 'rx',
    queue: 1,
    length: 75,
    text: 'IP6 2001:db8::5.53 > 2001:db8::1.40000: 4 1/0/0 A 192.0.2.7 (33)',
    headers: [
      header('IPv6', { Source: '2001:db8::5', Destination: '2001:db8:0:0::1' }),
      header('UDP', { 'Source port': '53', 'Destination port': '40000', Length: '80' }),
    ],
  }),
  arp: frame({
    length: 42,
    queue: 2,
    text: 'ARP, Request who-has 198.18.0.2 tell 198.18.0.1, length 28',
    dropped: 'NEIGH',
    headers: [header('ARP', { 'Sender IP': '198.18.0.1', 'Target IP': '198.18.0.2' })],
  }),
}

function matching(text: string): string {
  const filter = parseFilter(text)
  const found = Object.entries(FRAMES).filter(([, each]) => filter(each))
  return found.map(([name]) => name).join(' ')
}

describe('the filter of the table of frames', () => {
  it('the frame filter matches a prefix in a header inside the wanted one', () => {
    const advert = frame({ headers: [header('Prefix information', { Prefix: '2001:db8:1::/64' })] })
    expect(['2001:db8::/32', '2001:db8:1::', '2001:db9::/32'].map(text => parseFilter(text)(advert))).toEqual([
      true,
      true,
      false,
    ])
  })

  it.each([
    ['', 'tcp dns arp'],
    ['  ', 'tcp dns arp'],
    ['tx', 'tcp arp'],
    ['rx', 'dns'],
    ['TX', 'tcp arp'],
    ['dropped', 'arp'],
    ['passed', 'tcp dns'],
    ['queue 1', 'dns'],
    ['queue >= 1', 'dns arp'],
    ['queue != 1', 'tcp arp'],
    ['len > 75', 'tcp'],
    ['len>=75', 'tcp dns'],
    ['len < 75', 'arp'],
    ['len <= 75', 'dns arp'],
    ['len 42', 'arp'],
    ['len = 42', 'arp'],
    ['len==42', 'arp'],
    ['port 80', 'tcp'],
    ['port 53', 'dns'],
    ['port > 40000', 'tcp'],
    ['port 443', ''],
  ])('%s matches %s', (text, names) => {
    expect(matching(text)).toBe(names)
  })

  it.each([
    ['198.18.0.1', 'tcp arp'],
    ['198.18.0.2', 'arp'],
    ['198.18.0.0/24', 'tcp arp'],
    ['198.18.0.16/28', 'tcp'],
    ['0.0.0.0/0', 'tcp arp'],
    ['2001:db8::1', 'dns'],
    ['2001:DB8:0::0:1', 'dns'],
    ['2001:db8::/32', 'dns'],
    ['::/0', 'dns'],
    ['2001:db9::/32', ''],
    ['02:00:00:00:00:0a', 'tcp'],
    ['02:00:00:00:00:02', ''],
  ])('the address %s matches header addresses: %s', (text, names) => {
    expect(matching(text)).toBe(names)
  })

  it.each([
    ['flags', 'tcp'],
    ['UDP', 'dns'],
    ['neigh', 'arp'],
    ['192.0', 'dns'],
    ['"seq 1, length"', 'tcp'],
    ['"len"', 'tcp arp'],
    ['""', 'tcp dns arp'],
    ['>', undefined],
  ])('the text %s is looked for in the text, the names of headers and the reason: %s', (text, names) => {
    if (names === undefined) expect(() => parseFilter(text)).toThrow(FilterError)
    else expect(matching(text)).toBe(names)
  })

  it.each([
    ['tx len > 75', 'tcp'],
    ['tx and dropped', 'arp'],
    ['rx or dropped', 'dns arp'],
    ['tx passed or rx', 'tcp dns'],
    ['tx (passed or rx)', 'tcp'],
    ['not tx', 'dns'],
    ['!tx', 'dns'],
    ['not (rx or dropped)', 'tcp'],
    ['not not rx', 'dns'],
    ['not tx or dropped', 'dns arp'],
    ['"or" or arp', 'arp'],
  ])('%s combines words: %s', (text, names) => {
    expect(matching(text)).toBe(names)
  })

  it.each([
    ['len', 'len needs a number, as in len > 100; the text is "len"', 0],
    ['tx queue x', 'queue needs a number, as in queue 1; the text is "queue"', 9],
    ['port > ', 'port needs a number, as in port 1; the text is "port"', 0],
    ['len "5"', 'len needs a number, as in len > 100; the text is "len"', 4],
    ['len => 5', '=> is unknown: write <, <=, =, !=, >= or >', 4],
    ['tx or', 'a word is missing at the end', 5],
    ['not', 'a word is missing at the end', 3],
    ['or tx', 'a word is missing before or', 0],
    ['tx or or rx', 'a word is missing before or', 6],
    ['tx > 5', 'a word is missing before >', 3],
    ['(tx', 'this ( is not closed', 0],
    ['tx)', 'this ) closes nothing', 2],
    ['()', 'a word is missing before )', 1],
    ['tx "open', 'the closing " is missing', 3],
    ['198.18.0.256', '198.18.0.256 is not an address', 0],
    ['198.18.0.0/33', '198.18.0.0/33 is not an address', 0],
    ['2001:db8::/129', '2001:db8::/129 is not an address', 0],
  ])('%s is refused: %s', (text, message, at) => {
    expect(() => parseFilter(text)).toThrow(expect.objectContaining({ message, at }))
  })

  it('the frame filter takes names that objects inherit for text', () => {
    expect(matching('constructor')).toBe('')
    expect(matching('__proto__ or arp')).toBe('arp')
  })
})
